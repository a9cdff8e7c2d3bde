python3 -m openrlhf.cli.train_ppo_ray --init_kl_coef 0.01 --kl_estimator k1
