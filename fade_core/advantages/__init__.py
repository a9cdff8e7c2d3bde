"""Advantage functions as weights over a group of rewards (numpy).

Shapes: ``P`` prompts, ``G`` rollouts of each prompt. Every function maps rewards ``[P, G]`` to
weights ``[P, G]`` in float64; groups of different sizes are ``[N]`` rewards with ``groups``, a
label for each rollout, and give ``[N]`` weights. Rewards that are not finite are refused.
``fade_core.torch.advantages`` is the same family on tensors.

``plain``         no baseline, or one that only shifts: REINFORCE, PSR, NSR, GRPO, RLOO ...
``standardised``  divided by a standard deviation: GRPO with std, DAPO, REINFORCE++ ...
``passk``         estimators of pass@k
``reshaped``      a power or a ratio of the solve rate: MaxRL, log-mean-exp, Power, FADE ...
``registry``      every method by its id
``grouping``      reading and checking rewards
"""

from fade_core.advantages.grouping import Weights, check_alpha_delta
from fade_core.advantages.passk import (
    passk_success,
    passk_training,
    pkpo,
    pkpo_loo,
    unique_best,
)
from fade_core.advantages.plain import (
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
from fade_core.advantages.registry import (
    METHODS,
    advantages,
    check_params,
    find_method,
    parameters,
)
from fade_core.advantages.reshaped import (
    asym_grpo,
    asym_grpo_gu,
    fade,
    log_mean_exp,
    maxrl,
    power,
)
from fade_core.advantages.standardised import (
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
    "Weights",
    "a_grae",
    "advantages",
    "asym_grpo",
    "asym_grpo_gu",
    "check_alpha_delta",
    "check_params",
    "dapo",
    "f_grpo",
    "fade",
    "find_method",
    "gdpo",
    "gpg",
    "grpo",
    "grpo_std",
    "log_mean_exp",
    "maxrl",
    "nsr",
    "opo",
    "parameters",
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
