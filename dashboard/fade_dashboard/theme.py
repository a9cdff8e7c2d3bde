"""Colours: the Okabe-Ito palette, which colour-blind people can tell apart, light and dark."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Hue = Literal["blue", "orange", "green", "vermilion", "purple", "sky", "grey"]
Dash = Literal["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"]

FONT = "Inter, 'Liberation Sans', system-ui, sans-serif"

_LIGHT: Mapping[Hue, str] = {
    "blue": "#0072B2",
    "orange": "#E69F00",
    "green": "#009E73",
    "vermilion": "#D55E00",
    "purple": "#CC79A7",
    "sky": "#56B4E9",
    "grey": "#868e96",
}
# the palette's blue is under 3:1 on a dark ground
_DARK: Mapping[Hue, str] = {**_LIGHT, "blue": "#4DA3E0", "green": "#2BB58B", "vermilion": "#EB7A2C"}

_RUN_HUES: tuple[Hue, ...] = ("blue", "orange", "green", "purple", "vermilion", "sky", "grey")
_RUN_DASHES: tuple[Dash, ...] = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")

MAX_RUNS = 20
"""Most runs of a view."""

RUN_STYLES: tuple[tuple[Hue, Dash], ...] = tuple(
    (_RUN_HUES[rank % len(_RUN_HUES)], _RUN_DASHES[(rank + rank // len(_RUN_HUES)) % 6])
    for rank in range(MAX_RUNS)
)
"""Colour and dash of the runs of a view, in the order of selection; never colour alone."""

MAX_COMPARED = 5
"""Most runs that are laid over another on its own page; more go to the page that compares."""

# Matplotlib's cividis: even steps of lightness, the same for people who are colour-blind.
CIVIDIS = [
    [0.0, "#00224e"], [0.125, "#123570"], [0.25, "#3b496c"], [0.375, "#575d6d"],
    [0.5, "#707173"], [0.625, "#8a8678"], [0.75, "#a59c74"], [0.875, "#c3b369"], [1.0, "#fee838"],
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Theme:
    """What a figure needs to know about the page around it.

    Attributes:
        hues: Colour of each hue, ``#rrggbb``.
        ink: Text.
        grid: Lines of the grid.
        surface: Ground of the panels.
    """

    hues: Mapping[Hue, str]
    ink: str
    grid: str
    surface: str


LIGHT = Theme(_LIGHT, "#495057", "rgba(0,0,0,.07)", "#ffffff")
DARK = Theme(_DARK, "#c9cdd2", "rgba(255,255,255,.09)", "#25262b")


def translucent(colour: str, opacity: float) -> str:
    """Return a colour with an opacity.

    Args:
        colour: ``#rrggbb``.
        opacity: In [0, 1].

    >>> translucent("#0072B2", 0.28)
    'rgba(0,114,178,0.28)'
    """
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"
