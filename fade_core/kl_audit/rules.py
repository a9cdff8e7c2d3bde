"""The traps in trainers' KL settings, as data.

A rule looks at a ``Setup`` and adds a remark. The verdict itself comes from the expected
gradient; a remark says what else is true of the configuration, and what to change.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from fade_core.kl import dead_zone
from fade_core.kl_audit.advice import NO_SUCH_SETTING, to_token, to_unbiased
from fade_core.kl_audit.setup import Confidence, Setup

Severity = Literal["error", "warning", "note"]
Say = Callable[[Setup], str]


@dataclass(frozen=True, slots=True)
class Rule:
    """One trap.

    Attributes:
        id: Stable name.
        trap: Number of the trap in ``docs/kl.md``; 0 for what is general.
        severity: ``error``, ``warning`` or ``note``.
        applies: Whether a setup is in it.
        reason: What happens, in one line.
        change: What to do, in the trainer's own keys.
        confidence: How far it can be trusted.
        source: What it rests on.
    """

    id: str
    trap: int
    severity: Severity
    applies: Callable[[Setup], bool]
    reason: Say
    change: Say
    confidence: Confidence
    source: str


def _says(text: str) -> Say:
    return lambda _: text


def _unbiased(setup: Setup) -> str:
    return to_unbiased(setup.trainer)


def _token(setup: Setup) -> str:
    return to_token(setup.trainer)


def _fact(name: str) -> Callable[[Setup], bool]:
    return lambda setup: name in setup.facts


def _uses(*configurations: str) -> Callable[[Setup], bool]:
    return lambda setup: any(term.configuration in configurations for term in setup.terms)


def _k1_in_reward(setup: Setup) -> bool:
    return "reward" in setup.placements and "k1" in setup.estimators


def _wrong_in_reward(setup: Setup) -> bool:
    return setup.placements == {"reward"} and bool(setup.estimators & {"k2", "k3", "abs"})


def _clamped(setup: Setup) -> bool:
    return setup.clamp.estimate is not None and bool(setup.terms)


def _clamp_reason(setup: Setup) -> str:
    said = []
    for name in ("k1", "k2", "k3"):
        if name in setup.estimators:
            low, high = dead_zone(name, setup.clamp)
            said.append(f"{name} has no gradient below {low:.2f} and above {high:.2f} nats")
    return "the estimate is clamped: " + "; ".join(said or ["large estimates are flat"])


GENERAL_SOURCE = "enumeration, docs/kl.md; arXiv:2512.21852"

RULES: tuple[Rule, ...] = (
    Rule(
        "k1-in-loss", 1, "error", _uses("k1-in-loss"),
        lambda s: "K1 in the loss has an expected gradient of zero: beta has no effect"
        + (" (it is slime's default type)" if "default-k1" in s.facts else ""),
        _token, Confidence.PROVED, GENERAL_SOURCE,
    ),
    Rule(
        "reward-kl-ignored", 2, "error",
        lambda s: s.trainer == "slime" and s.ignored is not None,
        lambda s: f"--kl-coef does nothing: {s.ignored}",
        _unbiased, Confidence.NOT_RUN, "slime/utils/ppo_utils.py",
    ),
    Rule(
        "estimator-in-reward", 3, "error", _wrong_in_reward,
        lambda s: "in the reward only K1 gives the reverse KL; "
        + ("the default k3 was kept" if "default-k3" in s.facts else "this one is biased"),
        _unbiased, Confidence.PROVED, GENERAL_SOURCE,
    ),
    Rule(
        "grpo-never-subtracts", 4, "error",
        lambda s: s.trainer == "nemo-rl" and s.ignored is not None,
        lambda s: f"no KL at all: {s.ignored}",
        _unbiased, Confidence.NOT_RUN, "nemo_rl/algorithms/advantage_estimator.py",
    ),
    Rule(
        "plus-raises", 5, "error",
        lambda s: s.trainer == "verl" and s.refused is not None,
        lambda s: f"{s.refused}",
        _says("upgrade to verl 0.8.0 or later, or use kl_loss_type=mse, which has the same "
              "gradient as a '+' name"),
        Confidence.CODE, "verl PR #6058",
    ),
    Rule(
        "two-placements", 6, "warning",
        lambda s: len(s.terms) > 1,
        _says("a KL in the reward and another in the loss add up; the trainer only prints a "
              "notice"),
        _unbiased, Confidence.CODE, "verl/utils/config.py; others assert against it",
    ),
    Rule(
        "geometric-ratio", 7, "warning", _fact("geometric-ratio"),
        _says("the correction multiplies by the geometric-mean ratio, which leaves mostly "
              "forward KL"),
        _says("set importance_sampling_level='token'"), Confidence.PROVED,
        "TRL docstring and PR #6594; enumeration",
    ),
    Rule(
        "logged-after-ratio", 7, "note", _fact("logged-after-ratio"),
        _says("the logged kl is taken after the multiplication by the ratio"),
        _says("read it as a weighted estimate"), Confidence.CODE, "trl/trainer/grpo_trainer.py",
    ),
    Rule(
        "no-reference-model", 8, "note", _fact("no-reference-model"),
        _says("beta 0 loads no reference model and logs no kl, so drift cannot be seen"),
        _says("set a tiny beta (1e-4) to have the kl logged"), Confidence.CODE,
        "trl/trainer/grpo_trainer.py",
    ),
    Rule(
        "kl-without-sampler-correction", 8, "note", _fact("vllm-correction"),
        _says("the KL term is not multiplied by the vLLM importance correction"),
        _says("keep the sampler close to the trainer; watch mean(ref/pi) - 1"), Confidence.CODE,
        "trl/trainer/grpo_trainer.py (_compute_loss)",
    ),
    Rule(
        "printed-advice", 9, "note", _fact("advice"),
        _says("the trainer advises k2 or k3 in the loss; k3 there is still forward KL, and the "
              "corrected gradient is token-level"),
        _token, Confidence.CODE, "openrlhf/cli/train_ppo_ray.py",
    ),
    Rule(
        "clipped-weight", 9, "note", _fact("weight-clip"),
        _says("the importance weight of the corrected gradient is detached and cut at 10"),
        _says("nothing to change while drift is small"), Confidence.CODE,
        "openrlhf/models/utils.py",
    ),
    Rule(
        "clamp", 10, "note", _clamped, _clamp_reason,
        _says("watch the share of clamped tokens; above 0.1 % raise the limit or beta"),
        Confidence.PROVED, GENERAL_SOURCE,
    ),
    Rule(
        "std-groups", 11, "warning",
        lambda s: s.std_groups and _k1_in_reward(s),
        _says("in a group of equal task rewards the division by the standard deviation makes "
              "|advantage| about 1.4 whatever beta is"),
        lambda s: {
            "verl": "set algorithm.norm_adv_by_std_in_grpo=False",
            "ms-swift": "set --scale_rewards none",
            "skyrl": "set trainer.algorithm.grpo_norm_by_std=false",
            "trl-rloo": "set normalize_advantages=False",
        }.get(s.trainer, NO_SUCH_SETTING),
        Confidence.PROVED, "enumeration, docs/kl.md",
    ),
    Rule(
        "megatron-default", 12, "warning",
        lambda s: s.trainer == "ms-swift" and s.unsure is not None,
        lambda s: f"{s.unsure}", _says("set --kl_in_reward explicitly"), Confidence.NOT_RUN,
        "swift/megatron/",
    ),
    Rule(
        "not-a-reference-kl", 0, "warning",
        lambda s: s.not_reference is not None,
        lambda s: f"the name says KL, but {s.not_reference}",
        _says("count it as a trust region on the drift, not as an anchor to the start"),
        Confidence.CODE, "prime-rl docs/algorithms.md",
    ),
    Rule(
        "stale-penalty", 0, "warning",
        lambda s: "reward" in s.placements and s.updates is not None and s.updates > 1,
        lambda s: f"{s.updates:g} optimizer steps use a penalty of the rollout's log-probs; what "
        "is missing grows with the drift",
        _says("take one optimizer step a rollout batch, or a ratio-corrected KL in the loss"),
        Confidence.PROVED, GENERAL_SOURCE,
    ),
    Rule(
        "own-length", 0, "warning",
        lambda s: s.own_length and bool(s.terms),
        _says("each sequence is divided by its own length, which turns the direction"),
        lambda s: {
            "trl-grpo": "set loss_type='dapo' or 'dr_grpo'",
            "verl": "set actor_rollout_ref.actor.loss_agg_mode=token-mean",
            "ms-swift": "set --loss_type bnpo or dr_grpo",
        }[s.trainer],
        Confidence.PROVED, GENERAL_SOURCE,
    ),
)  # fmt: skip
"""Every rule, by trap."""
