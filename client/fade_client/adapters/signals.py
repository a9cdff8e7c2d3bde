"""What trainers call their metrics, and which field of a step record each one is.

A key that is in no table is kept under its own name as an extra series, and the coverage
report names it. Keys that say what the record holds anyway are left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fade_core.records import FIELDS


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The metrics of one trainer.

    Attributes:
        fields: Field of the record by the trainer's key.
        extras: Keys that are known and kept as they are; with ``/`` or ``_`` at the end, all
            that begin so.
        redundant: Keys that the record does not need, in the same form.
    """

    fields: Mapping[str, str]
    extras: tuple[str, ...] = ()
    redundant: tuple[str, ...] = ()

    def name_of(self, key: str) -> str | None:
        """Return the record's name for a key, or None where the record does not need it.

        Args:
            key: As the trainer calls it.
        """
        if key in self.fields:
            return self.fields[key]
        if _is_in(key, self.redundant):
            return None
        # A foreign key that happens to be a field's name is not that field.
        return f"trainer/{key}" if key in FIELDS else key

    def knows(self, key: str) -> bool:
        """Say whether a key is in any of the tables."""
        return key in self.fields or _is_in(key, (*self.extras, *self.redundant))

    def translate(self, metrics: Mapping[str, Any]) -> dict[str, Any]:
        """Return metrics by the names of the record.

        Args:
            metrics: As the trainer logs them.
        """
        named = {self.name_of(key): number for key, number in metrics.items()}
        return {name: number for name, number in named.items() if name is not None}


def _is_in(key: str, table: tuple[str, ...]) -> bool:
    families = tuple(entry for entry in table if entry.endswith(("/", "_")))
    return key in table or key.startswith(families)


TRL = Vocabulary(
    fields={
        "entropy": "entropy",
        "kl": "kl_k3",
        "clip_ratio/high_mean": "clip_fraction_high",
        "clip_ratio/low_mean": "clip_fraction_low",
        "completions/mean_length": "response_length_mean",
        "completions/clipped_ratio": "truncated_fraction",
        "sampling/sampling_logp_difference/mean": "train_infer_abs_logprob_diff",
        "loss": "loss",
        "grad_norm": "grad_norm",
        "learning_rate": "learning_rate",
    },
    extras=(
        "rewards/", "clip_ratio", "clip_ratio/", "completions/", "completion_length",
        "sampling/", "tools/",
        "cispo_clip_ratio", "vespo/", "entropy_coef", "policy_loss", "aux_loss",
    ),
    redundant=(
        "reward", "reward_std", "frac_reward_zero_std", "num_tokens", "step_time", "epoch",
        "fade/",
    ),
)  # fmt: skip

VERL = Vocabulary(
    fields={
        "actor/entropy": "entropy",
        "actor/grad_norm": "grad_norm",
        "actor/lr": "learning_rate",
        "actor/pg_loss": "loss",
        "response_length/mean": "response_length_mean",
        "response_length/clip_ratio": "truncated_fraction",
    },
    extras=("actor/", "val-core/", "val-aux/", "rollout/", "rollout_corr/", "num_turns/"),
    redundant=(
        "critic/", "response_length/", "response_length_non_aborted/", "response/",
        "prompt_length/", "perf/", "timing_",
        "global_seqlen/", "training/", "fade/",
    ),
)  # fmt: skip

SKYRL = Vocabulary(
    fields={
        "policy/policy_entropy": "entropy",
        "policy/grad_norm": "grad_norm",
        "policy/policy_lr": "learning_rate",
        "policy/final_loss": "loss",
        "generate/avg_num_tokens": "response_length_mean",
    },
    extras=("policy/", "reward/", "eval/", "generate/"),
    redundant=("loss/", "timing/", "trainer/", "fade/"),
)

OPENRLHF = Vocabulary(
    fields={
        "entropy_loss": "entropy",
        "actor_grad_norm": "grad_norm",
        "actor_lr": "learning_rate",
        "policy_loss": "loss",
        "response_length": "response_length_mean",
        "truncated": "truncated_fraction",
    },
    extras=("kl", "ppo_kl", "vllm_kl", "ppo_clip_ratio", "eval_", "rollout/", "critic_"),
    redundant=("reward", "return", "group_reward_std", "total_length", "timing/", "fade_"),
)

SLIME = Vocabulary(
    fields={
        "train/entropy_loss": "entropy",
        "train/grad_norm": "grad_norm",
        "train/lr-pg_0": "learning_rate",
        "train/loss": "loss",
        "rollout/response_len/mean": "response_length_mean",
        "rollout/truncated_ratio": "truncated_fraction",
    },
    extras=("train/", "rollout/", "eval/"),
    redundant=("perf/", "fade/"),
)

SWIFT = Vocabulary(
    fields={**TRL.fields, "entropy/mean": "entropy"},
    extras=(*TRL.extras, "entropy/"),
    redundant=TRL.redundant,
)
