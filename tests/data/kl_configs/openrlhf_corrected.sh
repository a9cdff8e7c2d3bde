python3 -m openrlhf.cli.train_ppo_ray --algo.kl.init_coef 1e-3 --algo.kl.use_loss --algo.kl.estimator k3 --algo.kl.unbiased_gradient
