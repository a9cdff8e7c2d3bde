python3 train.py --advantage-estimator gspo --kl-coef 0.01 --kl-loss-type low_var_kl
