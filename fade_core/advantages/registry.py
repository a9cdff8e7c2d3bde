"""Every advantage function by its id, as used in code, configuration and on the command line."""

import difflib
import inspect
from collections.abc import Callable, Mapping
from typing import TypeVar

from numpy.typing import ArrayLike

from fade_core.advantages.grouping import Weights
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
from fade_core.errors import SettingError, UnknownMethodError

F = TypeVar("F")
ARRAYS = ("groups", "lengths")
"""Arguments that are arrays of the batch, not parameters of a method."""

METHODS: dict[str, Callable[..., Weights]] = {
    "reinforce": reinforce,
    "reinforce_signed": reinforce_signed,
    "psr": psr,
    "nsr": nsr,
    "w_reinforce": w_reinforce,
    "grpo": grpo,
    "grpo_std": grpo_std,
    "rloo": rloo,
    "dapo": dapo,
    "reinforce_pp": reinforce_pp,
    "reinforce_pp_baseline": reinforce_pp_baseline,
    "passk_success": passk_success,
    "pkpo": pkpo,
    "pkpo_loo": pkpo_loo,
    "passk_training": passk_training,
    "unique_best": unique_best,
    "maxrl": maxrl,
    "log_mean_exp": log_mean_exp,
    "f_grpo": f_grpo,
    "power": power,
    "asym_grpo": asym_grpo,
    "asym_grpo_gu": asym_grpo_gu,
    "qae": qae,
    "a_grae": a_grae,
    "gdpo": gdpo,
    "gpg": gpg,
    "opo": opo,
    "fade": fade,
}
"""Every method by its id."""


def advantages(
    rewards_PG: ArrayLike,
    method: str,
    *,
    groups: ArrayLike | None = None,
    lengths: ArrayLike | None = None,
    **params: float,
) -> Weights:
    """Apply the method with this id.

    Args:
        rewards_PG: ``[P, G]`` floats; or ``[N]`` with ``groups``.
        method: A key of ``METHODS``.
        groups: ``[N]`` integer labels of ragged groups.
        lengths: Generated tokens of each rollout, in the rewards' shape; used by the methods
            that weigh by length and ignored by the others.
        **params: The method's own parameters, such as ``alpha=2``.

    Returns:
        Weights in the rewards' shape.

    Raises:
        UnknownMethodError: No method has that id.
        SettingError: The method has no parameter of that name, or it needs one more.
        ShapeError, RewardError: As the method raises them.

    >>> advantages([[1, 0]], "grpo").tolist()
    [[0.5, -0.5]]
    """
    function = find_method(method, METHODS)
    check_params(function, method, params)
    return function(rewards_PG, **bind(function, params, groups=groups, lengths=lengths))


def find_method(method: str, methods: dict[str, F]) -> F:
    """Return the function with this id.

    Args:
        method: The id to look up.
        methods: Functions by id.

    Returns:
        The function.

    Raises:
        UnknownMethodError: No method has that id; the message names the nearest one.
    """
    if method in methods:
        return methods[method]
    near = difflib.get_close_matches(method, methods, n=1)
    hint = f"did you mean '{near[0]}'? " if near else ""
    raise UnknownMethodError(
        f"no advantage method is called '{method}'; {hint}known: {', '.join(sorted(methods))}"
    )


def parameters(function: Callable[..., object]) -> dict[str, float | None]:
    """Return a method's parameters by the names of configuration, with their defaults.

    Args:
        function: A method; its first argument is the rewards.

    Returns:
        Default by name; ``nan`` for a parameter without a default, None for a statistic that is
        measured from the batch unless it is given.

    >>> from fade_core.advantages import w_reinforce
    >>> parameters(w_reinforce)
    {'lambda': 0.1}
    """
    accepted = list(inspect.signature(function).parameters.values())[1:]
    return {
        parameter.name.rstrip("_"): (
            float("nan") if parameter.default is parameter.empty else parameter.default
        )
        for parameter in accepted
        if parameter.name not in ARRAYS
    }


def check_params(
    function: Callable[..., object], method: str, params: Mapping[str, object]
) -> None:
    """Refuse parameters that ``function`` does not take, and name what it misses.

    Args:
        function: A method; its first argument is the rewards.
        method: Its id, for the message.
        params: The parameters to be passed.

    Raises:
        SettingError: A parameter is unknown or missing.
    """
    accepted = parameters(function)
    given = {name.rstrip("_") for name in params}
    unknown = sorted(given - set(accepted))
    missing = [name for name, default in accepted.items() if default != default]
    missing = [name for name in missing if name not in given]
    if unknown or missing:
        wanted = ", ".join(accepted) or "none"
        problem = f"unknown: {', '.join(unknown)}" if unknown else f"missing: {', '.join(missing)}"
        raise SettingError(f"'{method}' takes the parameters ({wanted}); {problem}")


def bind(
    function: Callable[..., object], params: Mapping[str, object], **arrays: object
) -> dict[str, object]:
    """Return the keyword arguments for ``function``: its own parameter names, its own arrays.

    Args:
        function: A method.
        params: Parameters by the names of configuration, such as ``lambda``.
        **arrays: ``groups`` and ``lengths``; those that are None or not taken are left out.

    Returns:
        Keyword arguments.
    """
    names = inspect.signature(function).parameters
    bound: dict[str, object] = {
        (f"{name}_" if f"{name}_" in names else name): value for name, value in params.items()
    }
    taken = {name: value for name, value in arrays.items() if name in names and value is not None}
    return bound | taken
