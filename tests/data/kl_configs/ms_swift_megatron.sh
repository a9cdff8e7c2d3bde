megatron rlhf --rlhf_type grpo --advantage_estimator reinforce_plus_plus --beta 0.01
