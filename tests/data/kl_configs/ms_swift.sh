swift rlhf --rlhf_type grpo --model Qwen/Qwen2.5-7B --num_generations 8 --beta 0.04
