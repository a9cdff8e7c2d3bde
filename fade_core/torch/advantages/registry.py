"""Every advantage function on tensors by its id; the ids of ``fade_core.advantages``."""

from collections.abc import Callable
from types import ModuleType

from torch import Tensor

from fade_core.advantages.registry import ARRAYS, bind, check_params, find_method
from fade_core.advantages.registry import METHODS as NUMPY_METHODS
from fade_core.torch.advantages import passk, plain, reshaped, standardised

_MODULES: tuple[ModuleType, ...] = (plain, standardised, passk, reshaped)

METHODS: dict[str, Callable[..., Tensor]] = {
    name: next(getattr(module, name) for module in _MODULES if hasattr(module, name))
    for name in NUMPY_METHODS
}
"""Every method by its id; the same ids as ``fade_core.advantages.METHODS``."""


def advantages(rewards_PG: Tensor, method: str, **params: float | Tensor | None) -> Tensor:
    """Apply the method with this id; see ``fade_core.advantages.advantages``.

    Args:
        rewards_PG: ``[P, G]`` of any dtype; or ``[N]`` with ``groups``.
        method: A key of ``METHODS``.
        **params: The method's own parameters; and ``groups``, ``[N]`` integers in [0, N), and
            ``lengths``, in the rewards' shape, where they are needed.

    Returns:
        Weights in the rewards' shape, on their device.

    Raises:
        UnknownMethodError: No method has that id.
        SettingError: The method has no parameter of that name, or it needs one more.
        ShapeError: As the method raises it.
    """
    function = find_method(method, METHODS)
    own = {name: value for name, value in params.items() if name not in ARRAYS}
    check_params(function, method, own)
    arrays = {name: params.get(name) for name in ARRAYS}
    return function(rewards_PG, **bind(function, own, **arrays))
