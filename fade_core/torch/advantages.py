"""Advantage functions as weights over a group of rewards (torch).

Shapes: ``P`` prompts, ``G`` rollouts of each prompt. The same family as
``fade_core.advantages``, on any device and floating dtype. Nothing here reads a value back, so
nothing synchronises an accelerator; therefore rewards outside [0, 1] are clamped in the lead
factor instead of being refused, and finite input never gives ``nan``.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from fade_core.advantages import check_alpha_delta, check_params, find_method
from fade_core.errors import SettingError, ShapeError


def reinforce(rewards_PG: Tensor) -> Tensor:
    """``A = r``; see ``fade_core.advantages.reinforce``."""
    return _grouped(rewards_PG, min_group=1).clone()


def reinforce_signed(rewards_PG: Tensor) -> Tensor:
    """``A = 2 r - 1``; see ``fade_core.advantages.reinforce_signed``."""
    return 2.0 * _grouped(rewards_PG, min_group=1) - 1.0


def grpo(rewards_PG: Tensor) -> Tensor:
    """``A = r - rbar``; see ``fade_core.advantages.grpo``."""
    rewards = _grouped(rewards_PG)
    return rewards - rewards.mean(dim=1, keepdim=True)


def grpo_std(rewards_PG: Tensor, ddof: int = 1, eps: float = 1e-6) -> Tensor:
    """``A = (r - rbar) / (std + eps)``; see ``fade_core.advantages.grpo_std``."""
    if ddof not in (0, 1):
        raise SettingError(f"ddof must be 0 (population) or 1 (sample), got {ddof}")
    if not eps > 0:
        raise SettingError(f"eps must be > 0, got {eps}")
    rewards = _grouped(rewards_PG)
    return grpo(rewards) / (rewards.std(dim=1, correction=ddof, keepdim=True) + eps)


def power(rewards_PG: Tensor, alpha: float = 2.0) -> Tensor:
    """``A = (1 - rbar)^(alpha - 1) (r - rbar)``; see ``fade_core.advantages.power``."""
    return fade(rewards_PG, alpha=alpha, delta=1.0)


def asym_grpo(rewards_PG: Tensor, delta: float = 0.5) -> Tensor:
    """``grpo`` with negative weights over ``delta``; see ``fade_core.advantages.asym_grpo``."""
    return fade(rewards_PG, alpha=1.0, delta=delta)


def fade(rewards_PG: Tensor, alpha: float, delta: float) -> Tensor:
    """FADE's weights; see ``fade_core.advantages.fade``.

    Args:
        rewards_PG: ``[P, G]``, in [0, 1]; a floating dtype is kept, any other becomes float32.
        alpha: Difficulty focus, finite and >= 1.
        delta: Sign balance, finite and > 0.

    Returns:
        ``[P, G]`` on the same device.

    Raises:
        ShapeError: The tensor is not ``[P, G]``, or a group has fewer than two rollouts.
        SettingError: ``alpha`` or ``delta`` is out of its range.
    """
    check_alpha_delta(alpha, delta)
    rewards = _grouped(rewards_PG)
    rbar_P1 = rewards.mean(dim=1, keepdim=True)
    lead_P1 = (1.0 - rbar_P1).clamp(min=0.0) ** (alpha - 1.0)
    centred = rewards - rbar_P1
    return lead_P1 * torch.where(centred >= 0.0, centred, centred / delta)


METHODS: dict[str, Callable[..., Tensor]] = {
    "reinforce": reinforce,
    "reinforce_signed": reinforce_signed,
    "grpo": grpo,
    "grpo_std": grpo_std,
    "power": power,
    "asym_grpo": asym_grpo,
    "fade": fade,
}
"""Every method by its id; the same ids as ``fade_core.advantages.METHODS``."""


def advantages(rewards_PG: Tensor, method: str, **params: float) -> Tensor:
    """Apply the method with this id; see ``fade_core.advantages.advantages``."""
    function = find_method(method, METHODS)
    check_params(function, method, params)
    return function(rewards_PG, **params)


def _grouped(rewards_PG: Tensor, min_group: int = 2) -> Tensor:
    if rewards_PG.ndim != 2 or rewards_PG.shape[1] < min_group:
        raise ShapeError(
            f"rewards must be [P, G] with G >= {min_group}, got {list(rewards_PG.shape)}; "
            "a group of one rollout has no baseline"
        )
    return rewards_PG if rewards_PG.is_floating_point() else rewards_PG.float()
