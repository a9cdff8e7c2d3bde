python3 train.py --use-kl-loss --kl-loss-coef 0.001 --kl-loss-type low_var_kl --use-unbiased-kl
