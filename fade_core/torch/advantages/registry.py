"""Every advantage function on tensors by its id; the ids of ``fade_core.advantages``."""

from collections.abc import Callable
from types import ModuleType

from torch import Tensor

from fade_core.advantages.registry import METHODS as NUMPY_METHODS
from fade_core.advantages.registry import bind, check_params, find_method
from fade_core.torch.advantages import passk, plain, reshaped, standardised

_MODULES: tuple[ModuleType, ...] = (plain, standardised, passk, reshaped)

METHODS: dict[str, Callable[..., Tensor]] = {
    name: next(getattr(module, name) for module in _MODULES if hasattr(module, name))
    for name in NUMPY_METHODS
}
"""Every method by its id; the same ids as ``fade_core.advantages.METHODS``."""


def advantages(
    rewards_PG: Tensor,
    method: str,
    *,
    groups: Tensor | None = None,
    lengths: Tensor | None = None,
    **params: float,
) -> Tensor:
    """Apply the method with this id; see ``fade_core.advantages.advantages``."""
    function = find_method(method, METHODS)
    check_params(function, method, params)
    return function(rewards_PG, **bind(function, params, groups=groups, lengths=lengths))
