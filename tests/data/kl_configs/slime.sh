#!/bin/bash
GRPO_ARGS=(
   --advantage-estimator grpo
   --use-kl-loss
   --kl-loss-coef 0.001
   --entropy-coef 0.00
)
ray job submit -- python3 train.py ${GRPO_ARGS[@]}
