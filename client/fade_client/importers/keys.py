"""What the trainers call the canonical fields.

Names are whole keys, never endings: ``clip_ratio/region_mean`` is about the policy and
``response_length/clip_ratio`` about the text. The first name of a field that a log has is taken;
the others stay under their own names. A prefix ``train/`` is ignored.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from fade_core.records import FIELDS

HELD_OUT = "held_out"
"""Score on prompts that are not trained on; not a field of the record, but detectors use it."""

CLIP_FRACTION = "clip_fraction"
"""Tokens clipped on either side, for trainers that do not tell them apart."""

KL_OLD = "kl_old"
"""KL of the policy to the one that sampled, as first-order estimate; not the reference's."""

ALIASES: dict[str, tuple[str, ...]] = {
    "accuracy": ("train_accuracy", "env/all/correct", "env/all/pass_rate", "acc"),
    "reward_mean": (
        "reward", "critic/score/mean", "critic/rewards/mean", "env/all/reward/total",
        "reward/avg_raw_reward", "rollout/raw_reward", "rollout/reward_mean", "reward/mean",
    ),
    "reward_std": ("rollout/reward_std", "reward/std"),
    "zero_variance_fraction": ("frac_reward_zero_std", "frac_zero_std"),
    "all_solved_fraction": (
        "env/all/by_group/frac_all_good", "frac_all_good", "solved_all", "baseline_reward/pct_1",
    ),
    "none_solved_fraction": (
        "env/all/by_group/frac_all_bad", "frac_all_bad", "solved_none", "baseline_reward/pct_0",
    ),
    "entropy": (
        "entropy/mean", "actor/entropy", "actor/entropy_loss", "policy/policy_entropy",
        "policy/entropy", "optim/entropy", "entropy/all/mean", "approx_entropy", "entropy_loss",
    ),
    "kl_k3": ("kl", "actor/kl_loss", "policy/policy_kl", "kl_loss", "kl_penalty"),
    "kl_k1": ("actor/reward_kl_penalty",),
    "clip_fraction_high": ("clip_ratio/high_mean", "actor/pg_clipfrac_upper"),
    "clip_fraction_low": ("clip_ratio/low_mean",),
    "grad_norm": ("actor/grad_norm", "policy/grad_norm", "actor_grad_norm", "optim/grad_norm"),
    "loss": (
        "actor/pg_loss", "policy_loss", "policy/final_loss", "policy/policy_loss", "loss/mean",
        "pg_loss",
    ),
    "learning_rate": (
        "lr", "actor/lr", "actor_lr", "policy/policy_lr", "optim/lr", "lr-pg_0",
    ),
    "adv_mean": (
        "advantage_mean", "critic/advantages/mean", "advantages/mean", "rollout/advantages",
    ),
    "adv_std": ("advantage_std", "critic/advantages/std", "advantages/std"),
    "adv_min": ("advantage_min", "critic/advantages/min", "advantages/min"),
    # A trainer that logs only the largest size: the tail is what the maximum is read for.
    "adv_max": (
        "advantage_max", "critic/advantages/max", "advantages/max", "advantage_max_abs",
    ),
    "adv_kurtosis": ("advantage_kurtosis",),
    "mass_success": ("mS",),
    "mass_failure": ("mF",),
    "response_length_mean": (
        "completions/mean_length", "completion_length", "response_length/mean",
        "rollout/response_length_mean", "response_length", "generate/avg_num_tokens",
        "rollout/response_len/mean", "mean_gen_tokens_per_sample", "env/all/ac_tokens_per_turn",
        "num_output_tokens/mean", "response_lengths",
    ),
    "truncated_fraction": (
        "completions/clipped_ratio", "response_length/clip_ratio", "rollout/truncated_rate",
        "rollout/truncated_ratio", "truncation_rate", "is_truncated/mean", "truncated",
        "truncated_ratio",
    ),
    "train_infer_abs_logprob_diff": ("sampling/sampling_logp_difference/mean",),
    # kl_sample_train_v2 is E[d^2] / 2, which is k3 up to third order.
    "train_infer_k3": (
        "rollout_corr/k3_kl", "mismatch_kl/all/mean", "gen_kl_error", "optim/kl_sample_train_v2",
        "vllm_kl",
    ),
    CLIP_FRACTION: (
        "clip_ratio/region_mean", "clip_ratio", "cispo_clip_ratio", "actor/pg_clipfrac",
        "ppo_clip_ratio", "policy/loss_metrics/clip_ratio", "pg_clipfrac", "clipfrac",
        "is_masked/mean",
    ),
    KL_OLD: ("actor/ppo_kl", "ppo_kl", "optim/kl_sample_train_v1", "approx_policy_kl"),
    HELD_OUT: (
        "held_out_score", "eval_accuracy", "test/env/all/correct", "test/env/all/reward/total",
        "validation/accuracy", "eval_reward", "eval_reward_mean", "val_score",
    ),
}  # fmt: skip
"""Canonical name to the names in the logs, best first."""

_SCORE = r"[^/]*(?:acc|correct|solve|exact_match)[^/]*"
PATTERNS: tuple[tuple[str, str], ...] = (
    ("accuracy", rf"rewards/{_SCORE}(?:/mean)?"),
    ("reward_mean", r"agg/effective/[^/]+/reward/mean"),
    ("response_length_mean", r"agg/effective/[^/]+/num_output_tokens/mean"),
    ("truncated_fraction", r"agg/effective/[^/]+/is_truncated/mean"),
    ("all_solved_fraction", r"agg/all/[^/]+/solved_all"),
    ("none_solved_fraction", r"agg/all/[^/]+/solved_none"),
    (HELD_OUT, rf"eval_rewards/{_SCORE}(?:/mean)?"),
    (HELD_OUT, r"val-core/.+/(?:acc|reward)/mean@\d+"),
    (HELD_OUT, r"val/test_score/.+"),
    (HELD_OUT, r"eval_.+_pass1"),
    (HELD_OUT, r"eval/.+/avg@\d+"),
)
PERCENT = frozenset({"baseline_reward/pct_0", "baseline_reward/pct_1"})

_ELSEWHERE = re.compile(r"(eval|val|test|validation)[_/-].*|val-.*")
_BOOKKEEPING = re.compile(
    r"epoch|num_tokens|total_flos|num_input_tokens_seen|step_time|percentage|timestamp|time"
    r"|_.*|(timing|time|perf|mfu|progress|system|profiling|global_seqlen|prompt_length)[/_].*"
    r"|.*(runtime|_per_second|_time)|memory.*|.*speed.*|elapsed.*|training/(global_step|epoch)"
    r"|trainer/(global_step|epoch)"
)
_PASS_AT = re.compile(r"(?:(?:eval|val)[_/])?pass(?:@|_at_)(\d{1,9})")


class Match(NamedTuple):
    """What a key of a log is.

    Attributes:
        name: Canonical name.
        rank: 0 is the best name of the field.
        scale: Factor to the canonical unit.
    """

    name: str
    rank: int
    scale: float = 1.0


def _exact() -> dict[str, Match]:
    table = {name: Match(name, 0) for name in (*FIELDS, CLIP_FRACTION, KL_OLD, HELD_OUT)}
    for name, keys in ALIASES.items():
        for rank, key in enumerate(keys, start=1):
            table.setdefault(key, Match(name, rank, 0.01 if key in PERCENT else 1.0))
    return table


EXACT = _exact()
_COMPILED = tuple((name, re.compile(pattern)) for name, pattern in PATTERNS)


@lru_cache(maxsize=4096)
def match(key: str) -> Match | None:
    """Return what a key is in our names, or None.

    >>> match("train/loss").name, match("response_length/clip_ratio").name, match("step_time")
    ('loss', 'truncated_fraction', None)
    """
    bare = key.removeprefix("train/")
    for form in (key, bare, bare.removeprefix("fade/"), bare.removeprefix("fade_")):
        if found := EXACT.get(form):
            return found
    for rank, (name, pattern) in enumerate(_COMPILED, start=50):
        if pattern.fullmatch(bare):
            return Match(name, rank)
    return None


def pass_at(key: str) -> int | None:
    """Return k of a key such as ``pass@16``, or None."""
    found = _PASS_AT.fullmatch(key.removeprefix("train/"))
    return int(found.group(1)) if found else None


@lru_cache(maxsize=4096)
def is_bookkeeping(key: str) -> bool:
    """Say whether a key is about the run's machinery: clocks, counters, memory."""
    return _BOOKKEEPING.fullmatch(key.removeprefix("train/")) is not None


@lru_cache(maxsize=4096)
def is_training(key: str) -> bool:
    """Say whether a key is measured once a training step, so that a second value is a restart."""
    return not is_bookkeeping(key) and _ELSEWHERE.fullmatch(key) is None
