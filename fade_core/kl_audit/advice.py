"""The change to make, in each trainer's own keys."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Advice:
    """What to set in one trainer.

    Attributes:
        unbiased: For the gradient of sequence-level reverse KL; None where it cannot be had.
        token: For token-level reverse KL in the loss; None where it cannot be had.
    """

    unbiased: str | None
    token: str | None


ADVICE: dict[str, Advice] = {
    "trl-grpo": Advice(
        "use RLOOTrainer with RLOOConfig(beta=...): GRPOTrainer has no KL in the reward",
        "set use_bias_correction_kl=True and importance_sampling_level='token'",
    ),
    "trl-rloo": Advice("keep RLOOConfig(beta=...): K1 in the reward", None),
    "trl-ppo": Advice("set kl_estimator='k1'", None),
    "verl": Advice(
        "set algorithm.use_kl_in_reward=True algorithm.kl_penalty=kl "
        "actor_rollout_ref.actor.use_kl_loss=False",
        "set actor_rollout_ref.actor.use_kl_loss=True actor_rollout_ref.actor.kl_loss_type=mse, "
        "or k3+ from verl 0.8.0",
    ),
    "openrlhf": Advice(
        "set --algo.kl.estimator k1 and drop --algo.kl.use_loss",
        "add --algo.kl.unbiased_gradient to --algo.kl.use_loss, or set --algo.kl.estimator k2",
    ),
    "ms-swift": Advice(
        "set --kl_in_reward true, with --advantage_estimator rloo or reinforce_plus_plus", None
    ),
    "nemo-rl": Advice(
        "set loss_fn.use_kl_in_reward=true loss_fn.reference_policy_kl_type=k1 "
        "grpo.adv_estimator.name=gae",
        "set loss_fn.use_kl_in_reward=false, use NeMo-RL 0.7.0 or later, and "
        "loss_fn.use_on_policy_kl_approximation=true off-policy",
    ),
    "skyrl": Advice(
        "set trainer.algorithm.use_kl_in_reward=true trainer.algorithm.use_kl_loss=false "
        "trainer.algorithm.kl_estimator_type=k1",
        "set trainer.algorithm.kl_estimator_type=k2 with trainer.algorithm.use_kl_loss=true",
    ),
    "slime": Advice(
        "set --kl-coef with --kl-loss-type k1 and --advantage-estimator ppo or "
        "reinforce_plus_plus, without --use-kl-loss",
        "set --use-kl-loss --kl-loss-type low_var_kl --use-unbiased-kl",
    ),
    "areal": Advice("set actor.kl_estimator: k1", None),
    "prime-rl": Advice(None, None),
    "tinker": Advice("set kl_discount_factor=1.0", "keep kl_discount_factor=0.0"),
}
"""By the trainer's id."""

NOTHING = "nothing to change"
ANSWER = "answer the open question and ask again"
ADD_A_KL = "keep it if you want no anchor; else: "
NO_SUCH_SETTING = (
    "no setting of this trainer gives a reference KL; subtract beta k1 from the reward yourself"
)


def to_unbiased(trainer: str) -> str:
    """Return the change toward sequence-level reverse KL, or the nearest that there is."""
    advice = ADVICE[trainer]
    return advice.unbiased or advice.token or NO_SUCH_SETTING


def to_token(trainer: str) -> str:
    """Return the change toward token-level reverse KL, or the better one."""
    advice = ADVICE[trainer]
    return advice.token or advice.unbiased or NO_SUCH_SETTING
