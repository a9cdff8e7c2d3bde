"""What a TRL trainer measures, read where TRL keeps it, and what its settings make available."""

from collections.abc import Mapping, Sequence
from typing import Any

from fade_client.adapters.coverage import OUTCOME, WEIGHTS, Coverage
from fade_client.adapters.signals import Vocabulary

_NUMBER = (int, float)
_UNSEEN: tuple[list[float], int] = ([], 0)
_CLIPPED = ("clip_fraction_high", "clip_fraction_low")


class MetricTap:
    """Reads the values that were added to TRL's metric lists since the last look.

    TRL appends a value a micro-step and averages at ``logging_steps``; the lists themselves are
    of every step, whatever is logged when.

    Attributes:
        unknown: Keys that the vocabulary does not know.

    Args:
        trainer: With ``_metrics["train"]``, a dict of lists.
        vocabulary: The trainer's metrics.
    """

    def __init__(self, trainer: Any, vocabulary: Vocabulary) -> None:
        self.unknown: list[str] = []
        self._trainer, self._vocabulary = trainer, vocabulary
        self._seen: dict[str, tuple[list[float], int]] = {}
        self._names: dict[str, str | None] = {}

    def sweep(self) -> dict[str, list[float]]:
        """Return the new values by their names in the record; TRL's lists stay as they are."""
        found: dict[str, list[float]] = {}
        names, seen = self._names, self._seen
        for key, numbers in self._trainer._metrics["train"].items():
            name = names[key] if key in names else self._learn(key)
            if name is None:
                continue
            # Logging drops the lists and starts new ones; holding the old one tells them apart.
            before, count = seen.get(key, _UNSEEN)
            new = numbers[count if before is numbers else 0 :]
            if new:
                seen[key] = (numbers, len(numbers))
                is_usual = len(new) == 1 and type(new[0]) is float
                found[name] = new if is_usual else [n for n in new if isinstance(n, _NUMBER)]
        return found

    def _learn(self, key: str) -> str | None:
        if not self._vocabulary.knows(key):
            self.unknown.append(key)
        is_silent = key.startswith("clip_ratio") and is_on_policy(self._trainer)
        self._names[key] = None if is_silent else self._vocabulary.name_of(key)
        return self._names[key]


def is_on_policy(trainer: Any) -> bool:
    """Say whether every update of a rollout batch starts from the policy that sampled it.

    Then the ratio is 1 and the clip fractions are 0 by construction, and say nothing.
    """
    return micro_steps(trainer) <= int(trainer.args.gradient_accumulation_steps)


def micro_steps(trainer: Any) -> int:
    """Return the number of micro-steps for which a rollout batch is used."""
    return int(trainer.args.steps_per_generation or 1) * int(trainer.num_iterations)


def trl_coverage(trainer: Any, version: str, names: Sequence[str], accuracy: int | None) -> Any:
    """Return which signals this trainer will report, from its settings.

    Args:
        trainer: A ``GRPOTrainer``.
        version: TRL's.
        names: Its reward functions.
        accuracy: Which one is the accuracy, or None.
    """
    args, missing = trainer.args, _missing(trainer)
    arriving = [*_policy_fields(missing), "reward_mean", "reward_std", "zero_variance_fraction"]
    if accuracy is not None:
        arriving += [name for name in (*OUTCOME, *WEIGHTS) if name not in arriving]
    notes = _notes(args)
    if accuracy is None:
        notes.append(
            f"none of the reward functions {', '.join(names)} is known to be the accuracy: name "
            "it with accuracy_reward=..., or solve rates and gradient masses are not recorded"
        )
    else:
        notes.append(f"the accuracy is the reward function {names[accuracy]}")
    return Coverage(f"TRL {version}", tuple(arriving), missing, tuple(notes))


def _policy_fields(missing: Mapping[str, str]) -> list[str]:
    fields = (
        "entropy", "kl_k3", *_CLIPPED, "grad_norm", "loss", "learning_rate",
        "response_length_mean", "truncated_fraction", "train_infer_abs_logprob_diff",
    )  # fmt: skip
    return [name for name in fields if name not in missing]


def _missing(trainer: Any) -> dict[str, str]:
    args = trainer.args
    missing = {
        "pass_at_k": "evaluate pass@k: attachment.run.log_step takes it, or log it beside",
        "head_rank1_share": "log the head's spectrum (fade_core.torch.spectrum)",
        "staleness": "TRL is synchronous; use staleness with asynchronous rollouts only",
        "held_out": "evaluate on held-out prompts",
    }
    if not getattr(args, "beta", 0.0):
        missing["kl_k3"] = "set beta > 0 (1e-3 is enough to watch it)"
    if not getattr(args, "use_vllm", False):
        missing["train_infer_abs_logprob_diff"] = "arises with use_vllm=True only"
    if not hasattr(trainer, "_get_per_token_logps_and_entropies"):
        missing["entropy"] = "use a newer TRL: 0.19 measures none, and delta stays neutral"
    if type(trainer).__name__.startswith("Unsloth"):
        missing["entropy"] = "Unsloth does not compute it; delta stays neutral"
    if is_on_policy(trainer):
        missing |= dict.fromkeys(_CLIPPED, "each batch is used once, so nothing can be clipped")
    return missing


def _notes(args: Any) -> list[str]:
    notes = []
    if getattr(args, "logging_steps", 1) != 1:
        notes.append(
            f"logging_steps={args.logging_steps}: loss (a mean), grad_norm and learning_rate "
            "arrive that often; logging_steps=1 gives every step"
        )
    if not getattr(args, "log_completions", False):
        notes.append("log_completions=True keeps the texts beside the advantages that were used")
    return notes
