"""``fadewatch audit advantage``: what an advantage function really does."""

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.table import Table

from fade_core.advantages import advantages
from fade_core.errors import SettingError
from fade_core.gradient_mass import SOLVE_RATES, Match, Profile, batch_mass, mass_curve, profile
from fade_core.gradient_mass.exact import AdvantageFn, as_function
from fadewatch.numbers import wire

Method = str | AdvantageFn


def load_method(text: str) -> Method:
    """Return the method that a command line names.

    Args:
        text: A key of ``fade_core.advantages.METHODS``, or ``MODULE:FUNCTION``, found as Python
            finds modules and in the working directory.

    Returns:
        The id, or the function.

    Raises:
        SettingError: The module cannot be imported, or has no such function.
    """
    module_name, colon, attribute = text.partition(":")
    if not colon:
        return text
    # A console script does not have the working directory on its path.
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        function = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise SettingError(
            f"'{text}' must be MODULE:FUNCTION, importable from {here}; {error}"
        ) from None
    if not callable(function):
        raise SettingError(f"'{text}' must be a function of rewards [P, G], got {function!r}")
    found: AdvantageFn = function
    return found


def audit(
    method: Method,
    params: Mapping[str, float],
    group_size: int = 8,
    solve_rates: Sequence[float] = SOLVE_RATES,
) -> Profile:
    """Return the profile of a method.

    Args:
        method: An id or a callable.
        params: Its parameters.
        group_size: G >= 2.
        solve_rates: Where to give the masses, each in [0, 1].

    Returns:
        As ``fade_core.gradient_mass.profile``.

    Raises:
        UnknownMethodError, SettingError, ShapeError: As ``profile``.
    """
    return profile(method, group_size, solve_rates, **params)


def audit_document(found: Profile, name: str, params: Mapping[str, float]) -> dict[str, Any]:
    """Return a profile as JSON: masses exact at the group size, to 15 digits.

    Args:
        found: The profile.
        name: The method as the user named it.
        params: Its parameters.

    Returns:
        ``method``, ``params``, ``group_size``, ``masses`` and ``nearest``, JSON-ready.
    """
    document: dict[str, Any] = wire(
        {
            "method": name,
            "params": dict(params),
            "group_size": found.group_size,
            "masses": [
                {"solve_rate": p, "mass_success": mass.success, "mass_failure": mass.failure}
                for p, mass in found.masses
            ],
            "nearest": _nearest(found),
        }
    )
    return document


def group_document(
    method: Method, rewards: Sequence[float], params: Mapping[str, float]
) -> dict[str, Any]:
    """Return the weights and the masses of one group as JSON.

    Args:
        method: An id or a callable.
        rewards: Of one group.
        params: The method's parameters.

    Returns:
        ``weights``, ``mass_success`` and ``mass_failure``, JSON-ready.

    Raises:
        UnknownMethodError, SettingError, ShapeError, RewardError: As the method raises them.
    """
    if isinstance(method, str):
        weights = advantages([list(rewards)], method, **params)
    else:
        # The id's own reading checks the rewards for a callable too.
        weights = as_function(method, **params)(advantages([list(rewards)], "reinforce"))
    mass = batch_mass([list(rewards)], weights)
    document: dict[str, Any] = wire(
        {
            "weights": weights[0].tolist(),
            "mass_success": mass.success,
            "mass_failure": mass.failure,
        }
    )
    return document


def audit_text(found: Profile, name: str) -> Group:
    """Return a profile for a terminal.

    Args:
        found: The profile.
        name: The method as the user named it.

    Returns:
        Something that rich prints.
    """
    masses = Table("solve rate", "mass success", "mass failure", "ratio")
    for p, mass in found.masses:
        row = (p, mass.success, mass.failure, mass.sign_ratio)
        masses.add_row(*(f"{value:.6g}" for value in row))
    weights = Table("successes", "weight of a success", "weight of a failure")
    pairs = zip(found.table.success, found.table.failure, strict=True)
    for solved, (success, failure) in enumerate(pairs):
        weights.add_row(
            f"{solved} of {found.group_size}",
            f"{success:.6g}" if solved else "",
            f"{failure:.6g}" if solved < found.group_size else "",
        )
    axes = found.axes
    lines = [
        f"{name}: {found.verdict}",
        f"sign ratio {axes.sign_ratio:.4g}, peak solve rate {axes.peak_solve_rate:.4g}, "
        f"scale {axes.scale:.4g} of grpo, for prompts of every solve rate alike",
    ]
    if found.depends_on_batch:
        lines.append("its weights depend on the other groups of the batch")
    return Group(*lines, weights, masses)


def write_html(
    path: Path, found: Profile, method: Method, name: str, params: Mapping[str, float]
) -> None:
    """Draw the masses over the solve rate, beside ``grpo``'s, as one self-contained page.

    Args:
        path: The file to write.
        found: The profile.
        method: An id or a callable.
        name: The method as the user named it.
        params: Its parameters.

    Raises:
        ModuleNotFoundError: plotly is not installed.
        OSError: The file cannot be written.
    """
    import plotly.graph_objects as go  # noqa: PLC0415  the plain install leaves it out

    figure = go.Figure()
    mine = mass_curve(method, found.group_size, 101, **params)
    reference = mass_curve("grpo", found.group_size)
    for curve, label, dash in ((mine, name, "solid"), (reference, "grpo", "dot")):
        for side, values in (("success", curve.success), ("failure", curve.failure)):
            colour = "#2a9d5c" if side == "success" else "#c8553d"
            figure.add_scatter(
                x=curve.solve_rate,
                y=values,
                name=f"{label}, {side}",
                line={"color": colour, "dash": dash},
            )
    figure.update_layout(
        title=f"{name}, groups of {found.group_size}: {found.verdict}",
        xaxis_title="solve rate",
        yaxis_title="gradient mass a rollout",
        template="plotly_white",
    )
    figure.write_html(path, include_plotlyjs=True, full_html=True)


def _nearest(found: Profile) -> dict[str, Any] | None:
    if found.nearest is None:
        return None
    return {
        "relation": found.relation,
        **_match(found.nearest),
        "equals": [_match(match) for match in found.equals],
        "proportional": [_match(match) for match in found.proportional],
    }


def _match(match: Match) -> dict[str, Any]:
    return {
        "method": match.method,
        "params": match.params,
        "factor": match.factor,
        "distance": match.distance,
    }
