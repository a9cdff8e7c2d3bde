"""Documented configurations of each trainer, for the table in ``docs/kl.md`` and the tests."""

from dataclasses import dataclass
from typing import Any

from fade_core.kl_audit.audit import Audit, audit_config


@dataclass(frozen=True, slots=True)
class Example:
    """A configuration as a user would write it.

    Attributes:
        label: What it is.
        trainer: A key of ``detect.READERS``.
        version: The trainer's version; None for a snapshot.
        settings: What is set; the rest is the trainer's default.
    """

    label: str
    trainer: str
    version: str | None
    settings: dict[str, Any]

    def audit(self) -> Audit:
        """Return the audit of this configuration."""
        return audit_config(self.settings, self.trainer, self.version)


VERL_LOSS = "actor_rollout_ref.actor.use_kl_loss"
VERL_TYPE = "actor_rollout_ref.actor.kl_loss_type"
VERL_REWARD = "algorithm.use_kl_in_reward"
NEMO_REWARD = "loss_fn.use_kl_in_reward"

EXAMPLES: tuple[Example, ...] = (
    Example("TRL GRPO 1.16.0, defaults", "trl-grpo", "1.16.0", {}),
    Example("TRL GRPO 1.10.0, beta 0.04", "trl-grpo", "1.10.0", {"beta": 0.04}),
    Example("TRL GRPO 1.9.2, beta 0.04", "trl-grpo", "1.9.2", {"beta": 0.04}),
    Example("TRL GRPO 1.10.0, beta 0.04, sequence level", "trl-grpo", "1.10.0",
            {"beta": 0.04, "importance_sampling_level": "sequence"}),
    Example("TRL RLOO 1.16.0, defaults", "trl-rloo", "1.16.0", {}),
    Example("TRL PPO 1.16.0, defaults", "trl-ppo", "1.16.0", {}),
    Example("TRL PPO 1.16.0, kl_estimator k3", "trl-ppo", "1.16.0", {"kl_estimator": "k3"}),
    Example("verl 0.9.1, defaults", "verl", "0.9.1", {}),
    Example("verl 0.9.1, GRPO recipe (use_kl_loss)", "verl", "0.9.1",
            {"algorithm.adv_estimator": "grpo", VERL_LOSS: True}),
    Example("verl 0.9.1, use_kl_in_reward", "verl", "0.9.1", {VERL_REWARD: True}),
    Example("verl 0.9.1, use_kl_in_reward and use_kl_loss", "verl", "0.9.1",
            {VERL_REWARD: True, VERL_LOSS: True}),
    Example("verl 0.7.1, kl_loss_type k3+", "verl", "0.7.1", {VERL_LOSS: True, VERL_TYPE: "k3+"}),
    Example("verl 0.8.0, kl_loss_type k3+", "verl", "0.8.0", {VERL_LOSS: True, VERL_TYPE: "k3+"}),
    Example("OpenRLHF 0.11.2, defaults", "openrlhf", "0.11.2", {}),
    Example("OpenRLHF 0.11.2, use_loss, k3", "openrlhf", "0.11.2",
            {"algo.kl.use_loss": True, "algo.kl.estimator": "k3"}),
    Example("OpenRLHF 0.11.2, use_loss, k3, unbiased_gradient", "openrlhf", "0.11.2",
            {"algo.kl.use_loss": True, "algo.kl.estimator": "k3",
             "algo.kl.unbiased_gradient": True}),
    Example("ms-swift 4.6.0, defaults", "ms-swift", "4.6.0", {}),
    Example("ms-swift 4.6.0, advantage_estimator rloo", "ms-swift", "4.6.0",
            {"advantage_estimator": "rloo"}),
    Example("ms-swift 4.6.0, Megatron, rloo", "ms-swift", "4.6.0",
            {"advantage_estimator": "rloo", "tensor_model_parallel_size": 2}),
    Example("NeMo-RL 0.7.0, defaults", "nemo-rl", "0.7.0", {}),
    Example("NeMo-RL 0.6.0, defaults", "nemo-rl", "0.6.0", {}),
    Example("NeMo-RL 0.7.0, use_kl_in_reward", "nemo-rl", "0.7.0", {NEMO_REWARD: True}),
    Example("NeMo-RL 0.7.0, use_kl_in_reward, gae", "nemo-rl", "0.7.0",
            {NEMO_REWARD: True, "grpo.adv_estimator.name": "gae"}),
    Example("SkyRL, defaults", "skyrl", None, {}),
    Example("SkyRL, use_kl_in_reward alone", "skyrl", None,
            {"trainer.algorithm.use_kl_in_reward": True, "trainer.algorithm.use_kl_loss": False}),
    Example("prime-rl, defaults", "prime-rl", None, {}),
    Example("slime, defaults", "slime", None, {}),
    Example("slime, use-kl-loss with a coefficient", "slime", None,
            {"use_kl_loss": True, "kl_loss_coef": 0.001}),
    Example("slime, kl-coef with grpo", "slime", None, {"kl_coef": 0.01}),
    Example("slime, low_var_kl, use-unbiased-kl", "slime", None,
            {"use_kl_loss": True, "kl_loss_coef": 0.001, "kl_loss_type": "low_var_kl",
             "use_unbiased_kl": True}),
    Example("AReaL, defaults", "areal", None, {}),
    Example("Tinker cookbook 0.6.1, kl_penalty_coef 0.1", "tinker", "0.6.1",
            {"kl_penalty_coef": 0.1}),
    Example("Tinker cookbook 0.6.1, discount 1", "tinker", "0.6.1",
            {"kl_penalty_coef": 0.1, "kl_discount_factor": 1.0}),
)  # fmt: skip
"""In the order of the table."""


def trainer_table() -> str:
    """Return the table of trainers as Markdown, straight from the audit."""
    lines = [
        "| configuration | verdict | reason | change | confidence |",
        "|---|---|---|---|---|",
    ]
    for example in EXAMPLES:
        audit = example.audit()
        cells = (example.label, audit.verdict.value, audit.reason, audit.change, audit.confidence)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)
