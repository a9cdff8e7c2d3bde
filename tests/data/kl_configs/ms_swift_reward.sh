swift rlhf --rlhf_type grpo --advantage_estimator rloo --kl_in_reward true --scale_rewards group --beta 0.01 --loss_type bnpo
