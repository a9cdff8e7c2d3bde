"""What an update minimises: the loss of the arm, and a KL penalty where one is placed in it.

Shapes: ``P`` prompts, ``G`` rollouts of each, ``B`` rollouts, ``A`` tokens of an answer.
"""

from dataclasses import dataclass

from torch import Tensor

from arms import Arm
from fade_core.torch import losses
from fade_core.torch.kl import Batch
from model import Samples
from penalty import KL
from ppo import clipped_loss


@dataclass(frozen=True, slots=True)
class ArmObjective:
    """The loss of one arm.

    Attributes:
        arm: Which loss, and lambda where it has one.
        clip: Half-width of PPO's interval; ``apa`` and ``awr`` have neither ratio nor clip.
        kl: None for no penalty.
    """

    arm: Arm
    clip: float
    kl: KL | None = None

    def charge(self, advantages_PG: Tensor, rollouts: Samples, start_BA: Tensor) -> Tensor:
        """Return the advantages less a penalty in the reward; see ``KL.charge``."""
        if self.kl is None:
            return advantages_PG
        return self.kl.charge(advantages_PG, rollouts.log_probs_PGA.flatten(0, 1), start_BA)

    def __call__(self, batch: Batch, ratio_BA: Tensor, advantages_B1: Tensor) -> Tensor:
        """Return the loss of a minibatch, a mean over tokens."""
        loss = self._arm_loss(batch, ratio_BA, advantages_B1)
        return loss if self.kl is None else self.kl.add_to(loss, batch)

    def _arm_loss(self, batch: Batch, ratio_BA: Tensor, advantages_B1: Tensor) -> Tensor:
        if self.arm.loss == "apa":
            return losses.apa(
                batch.logp_NT, batch.ref_logp_NT, advantages_B1, batch.mask_NT,
                temperature=self.arm.temperature, check=False,
            )  # fmt: skip
        if self.arm.loss == "awr":
            return losses.awr(
                batch.logp_NT, advantages_B1, batch.mask_NT,
                temperature=self.arm.temperature, check=False,
            )  # fmt: skip
        if self.arm.loss == "ppo" and batch.rollout_logp_NT is not None:
            return losses.ppo_clip(
                batch.logp_NT, batch.rollout_logp_NT, advantages_B1, batch.mask_NT,
                clip_low=self.clip, clip_high=self.clip, check=False,
            )  # fmt: skip
        return clipped_loss(ratio_BA, advantages_B1, self.clip)
