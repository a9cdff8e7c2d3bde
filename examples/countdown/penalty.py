"""A KL penalty to the starting policy, placed where trainers place theirs.

Shapes: ``P`` prompts, ``G`` rollouts of each, ``B = P G`` rollouts, ``A`` tokens of an answer.
"""

from dataclasses import dataclass

from torch import Tensor

from fade_core.errors import SettingError
from fade_core.kl_checks import check_coefficient
from fade_core.kl_configurations import CONFIGURATIONS
from fade_core.kl_table import Penalty
from fade_core.torch.kl import Batch, estimate, token_penalty

KL_NAMES = ("k1-in-reward", "k3-in-loss", "k3-in-reward", "k1-in-loss", "rho-k3")
"""Ids of ``fade_core.kl_configurations``; ``docs/kl.md`` says what each really regularises."""

DEFAULT_BETA = 0.1


@dataclass(frozen=True, slots=True)
class KL:
    """A penalty by the name that the command line takes, and its coefficient.

    Attributes:
        name: One of ``KL_NAMES``.
        beta: Coefficient, in reward a nat, >= 0; 0 leaves everything as it is without.

    Raises:
        SettingError: There is no such penalty, or beta is negative.
    """

    name: str
    beta: float = DEFAULT_BETA

    def __post_init__(self) -> None:
        if self.name not in KL_NAMES:
            raise SettingError(
                f"unknown KL penalty {self.name!r}; --kl takes one of {', '.join(KL_NAMES)}"
            )
        check_coefficient("--beta", self.beta)

    @property
    def penalty(self) -> Penalty:
        """The estimator and its placement."""
        return CONFIGURATIONS[self.name].terms[0][1]

    def charge(self, advantages_PG: Tensor, rollout_BA: Tensor, start_BA: Tensor) -> Tensor:
        """Return the advantages less what a penalty in the reward takes from them.

            A - beta (K - mean of K in the group),   K = sum of the estimates over the answer

        For ``grpo`` that is the same as ``reward - beta K`` before the mean of the group is
        taken. K is computed once a batch, as trainers do: from the second update on it belongs to
        an older policy. Arms whose advantages are defined for rewards of 0 and 1 only (``fade``)
        keep them.

        Args:
            advantages_PG: ``[P, G]`` from the task's reward.
            rollout_BA: ``[B, A]`` log-probs when the answers were drawn, nats.
            start_BA: ``[B, A]`` of the same tokens under the starting policy.

        Returns:
            ``[P, G]``; unchanged for a penalty in the loss.
        """
        if self.penalty.placement != "reward" or self.beta == 0.0:
            return advantages_PG
        sums_B = estimate(rollout_BA - start_BA, str(self.penalty.estimator)).sum(dim=1)
        sums_PG = sums_B.view(advantages_PG.shape)
        return advantages_PG - self.beta * (sums_PG - sums_PG.mean(dim=1, keepdim=True))

    def add_to(self, loss: Tensor, batch: Batch) -> Tensor:
        """Return the loss plus beta times the mean over tokens of a penalty in the loss.

        Every answer has the same length, so this mean weighs all tokens as a sum would.
        """
        if self.penalty.placement != "loss" or self.beta == 0.0:
            return loss
        return loss + self.beta * token_penalty(self.penalty, batch).mean()


def parse_kl(name: str | None, beta: float | None) -> KL | None:
    """Return the penalty of the options ``--kl`` and ``--beta``, None without ``--kl``.

    Raises:
        SettingError: As ``KL``, or there is a beta and nothing that it would weigh.
    """
    if name is None:
        if beta is not None:
            raise SettingError(f"--beta needs --kl; choose one of {', '.join(KL_NAMES)}")
        return None
    return KL(name, DEFAULT_BETA if beta is None else beta)
