"""Names of the same quantities in the logs that the benchmark reads and writes."""

from collections.abc import Mapping
from typing import Any

TRL = {
    "entropy": "entropy",
    "kl_k3": "kl",
    "grad_norm": "grad_norm",
    "loss": "loss",
    "learning_rate": "learning_rate",
    "reward_mean": "reward",
    "reward_std": "reward_std",
    "accuracy": "train_accuracy",
    "zero_variance_fraction": "frac_reward_zero_std",
    "response_length_mean": "completions/mean_length",
    "truncated_fraction": "completions/clipped_ratio",
    "clip_fraction_high": "clip_ratio/high_mean",
    "clip_fraction_low": "clip_ratio/low_mean",
    "train_infer_abs_logprob_diff": "sampling/sampling_logp_difference/mean",
    "adv_mean": "advantage_mean",
    "adv_std": "advantage_std",
    "adv_kurtosis": "advantage_kurtosis",
    "adv_max": "advantage_max_abs",
    "mass_success": "mS",
    "mass_failure": "mF",
    "head_rank1_share": "head_rank1_share",
    "held_out": "eval_rewards/accuracy_reward/mean",
}
VERL = {
    "entropy": "actor/entropy",
    "kl_k3": "actor/kl_loss",
    "grad_norm": "actor/grad_norm",
    "loss": "actor/pg_loss",
    "learning_rate": "actor/lr",
    "reward_mean": "critic/rewards/mean",
    "response_length_mean": "response_length/mean",
    "truncated_fraction": "response_length/clip_ratio",
    "clip_fraction_high": "actor/pg_clipfrac",
    "adv_max": "critic/advantages/max",
    "adv_mean": "critic/advantages/mean",
    "train_infer_abs_logprob_diff": "training/rollout_probs_diff_mean",
    "mass_success": "fade/mass_success",
    "mass_failure": "fade/mass_failure",
    "adv_kurtosis": "fade/adv_kurtosis",
    "zero_variance_fraction": "fade/zero_variance_fraction",
    "accuracy": "fade/accuracy",
    "reward_std": "fade/reward_std",
    "head_rank1_share": "fade/head_rank1_share",
    "held_out": "val-core/accuracy/mean@1",
}
OPENRLHF = {
    "entropy": "entropy_loss",
    "kl_k3": "kl",
    "grad_norm": "actor_grad_norm",
    "loss": "policy_loss",
    "learning_rate": "actor_lr",
    "reward_mean": "reward",
    "response_length_mean": "response_length",
    "truncated_fraction": "truncated_ratio",
    "train_infer_abs_logprob_diff": "vllm_kl",
    "mass_success": "fade_mass_success",
    "mass_failure": "fade_mass_failure",
    "adv_kurtosis": "fade_adv_kurtosis",
    "zero_variance_fraction": "fade_zero_variance_fraction",
    "accuracy": "fade_accuracy",
    "reward_std": "fade_reward_std",
    "head_rank1_share": "fade_head_rank1_share",
    "held_out": "eval_default_pass1",
}
SKYRL = {
    "entropy": "policy/policy_entropy",
    "kl_k3": "policy/policy_kl",
    "grad_norm": "policy/grad_norm",
    "loss": "policy/final_loss",
    "learning_rate": "policy/policy_lr",
    "reward_mean": "reward/avg_raw_reward",
    "response_length_mean": "generate/avg_num_tokens",
    "truncated_fraction": "fade/truncated_fraction",
    "train_infer_abs_logprob_diff": "policy/rollout_train_logprobs_abs_diff_mean",
    "mass_success": "fade/mass_success",
    "mass_failure": "fade/mass_failure",
    "adv_kurtosis": "fade/adv_kurtosis",
    "zero_variance_fraction": "fade/zero_variance_fraction",
    "accuracy": "fade/accuracy",
    "held_out": "eval/all/avg_score",
}
SLIME = {
    "entropy": "train/entropy_loss",
    "kl_k3": "train/kl_loss",
    "grad_norm": "train/grad_norm",
    "loss": "train/loss",
    "learning_rate": "train/lr-pg_0",
    "reward_mean": "rollout/raw_reward",
    "response_length_mean": "rollout/response_len/mean",
    "truncated_fraction": "rollout/truncated_ratio",
    "train_infer_abs_logprob_diff": "train/train_rollout_logprob_abs_diff",
    "mass_success": "fade/mass_success",
    "mass_failure": "fade/mass_failure",
    "adv_kurtosis": "fade/adv_kurtosis",
    "zero_variance_fraction": "fade/zero_variance_fraction",
    "accuracy": "fade/accuracy",
    "reward_std": "fade/reward_std",
    "held_out": "eval/task",
}
TRAINERS = {"trl": TRL, "verl": VERL, "openrlhf": OPENRLHF}
"""Of the families that the detectors' defaults were chosen with."""
UNSEEN_TRAINERS = {"skyrl": SKYRL, "slime": SLIME}
"""Of the families that were drawn after the defaults were fixed."""

PUBLIC_RUNS = {
    "entropy": "entropy",
    "kl_k3": "kl",
    "grad_norm": "grad_norm",
    "loss": "loss",
    "learning_rate": "lr",
    "reward_mean": "reward_mean",
    "reward_std": "reward_std",
    "accuracy": "accuracy",
    "zero_variance_fraction": "frac_zero_std",
    "truncated_fraction": "truncated_frac",
    "response_length_mean": "response_length",
    "train_infer_abs_logprob_diff": "logp_diff_mean",
    "adv_max": "adv_max",
    "adv_min": "adv_min",
    "adv_mean": "adv_mean",
    "adv_std": "adv_std",
    "val_score": "val_score",
    "eval_reward": "eval_reward",
}
"""Canonical name to the name in the labelled public runs."""


def canonical(row: Mapping[str, Any], keys: Mapping[str, str]) -> dict[str, Any]:
    """Rename one row of a log; what has no canonical name is left out."""
    record = {"step": row["step"]}
    record |= {name: row[key] for name, key in keys.items() if row.get(key) is not None}
    for name, value in row.get("nonfinite") or ():
        record[_back(name, keys)] = float(value)
    return record


def _back(key: str, keys: Mapping[str, str]) -> str:
    return next((name for name, each in keys.items() if each == key), key)
