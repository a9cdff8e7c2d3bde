python3 -m openrlhf.cli.train_ppo_ray \
   --actor.num_nodes 1 \
   --algo.advantage.estimator group_norm \
   --algo.kl.init_coef 1e-3 \
   --algo.kl.use_loss \
   --algo.kl.estimator k3
