"""Advantage functions as weights over a group of rewards (torch).

Shapes: ``P`` prompts, ``G`` rollouts of each prompt. The same family as
``fade_core.advantages``, with the same ids, arguments, equations and sources, on any device and
floating dtype; other dtypes become float32, and half precisions are computed in float32 and
rounded once. Groups of different sizes are ``[N]`` rewards with ``groups``, integers in
``[0, N)``, of which equal ones are one group.

Nothing here reads a value back, so nothing synchronises an accelerator. Therefore a reward that
a method is not defined on is not refused: an outcome is a success where the reward is above 1/2,
a reward outside the [0, 1] that a method needs counts as the nearer end, and a ragged group that
is too small gets finite weights of no meaning. Finite rewards never give ``nan``. A reward that
is ``nan`` is no success where outcomes count; elsewhere its own weight is ``nan``, with those of
its group, or of the batch, as far as the method takes statistics of them. The weights are
constants of the loss: no gradient flows to the rewards.
"""

from fade_core.torch.advantages.passk import (
    passk_success,
    passk_training,
    pkpo,
    pkpo_loo,
    unique_best,
)
from fade_core.torch.advantages.plain import (
    gpg,
    grpo,
    nsr,
    opo,
    psr,
    qae,
    reinforce,
    reinforce_signed,
    rloo,
    w_reinforce,
)
from fade_core.torch.advantages.registry import METHODS, advantages
from fade_core.torch.advantages.reshaped import (
    asym_grpo,
    asym_grpo_gu,
    fade,
    log_mean_exp,
    maxrl,
    power,
)
from fade_core.torch.advantages.standardised import (
    a_grae,
    dapo,
    f_grpo,
    gdpo,
    grpo_std,
    reinforce_pp,
    reinforce_pp_baseline,
)

__all__ = [
    "METHODS",
    "a_grae",
    "advantages",
    "asym_grpo",
    "asym_grpo_gu",
    "dapo",
    "f_grpo",
    "fade",
    "gdpo",
    "gpg",
    "grpo",
    "grpo_std",
    "log_mean_exp",
    "maxrl",
    "nsr",
    "opo",
    "passk_success",
    "passk_training",
    "pkpo",
    "pkpo_loo",
    "power",
    "psr",
    "qae",
    "reinforce",
    "reinforce_pp",
    "reinforce_pp_baseline",
    "reinforce_signed",
    "rloo",
    "unique_best",
    "w_reinforce",
]
