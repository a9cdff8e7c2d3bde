"""The tiles above the panels: which six numbers a run is summed up in."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from fade_dashboard.api import Run
from fade_dashboard.labels import describe
from fade_dashboard.theme import Hue, Theme

COUNT = 6


@dataclass(frozen=True, slots=True)
class Tile:
    """One number with its recent course.

    Attributes:
        metric: What it shows.
        title: Its name.
        hue: Colour of the course.
        form: How the number is written.
        target: What it is compared with in words below, with ``target_label``; None for nothing.
        target_label: Name of the target.
    """

    metric: str
    title: str
    hue: Hue
    form: Literal["percent", "number"] = "number"
    target: float | None = None
    target_label: str = ""


_TILES = (
    Tile("accuracy", "Train accuracy", "blue", "percent"),
    Tile("entropy", "Entropy", "green", target_label="H*"),
    Tile("schedule/alpha", "Alpha by FADE", "sky"),
    Tile("schedule/delta", "Delta by FADE", "orange"),
    Tile("sign_ratio", "m_S / m_F", "vermilion"),
    Tile("kl_k3", "KL k3", "blue"),
    Tile("ratio_ess", "ESS / n", "green"),
    Tile("grad_norm", "Gradient norm", "purple"),
    Tile("reward_mean", "Mean reward", "blue"),
    Tile("response_length_mean", "Mean length", "grey"),
)


def tiles(run: Run) -> tuple[Tile, ...]:
    """Select the first tiles that the run has data for; fill up with the first it has not."""
    with_data = [tile for tile in _TILES if tile.metric in run.metrics]
    without = [tile for tile in _TILES if tile.metric not in run.metrics]
    chosen = (with_data + without)[:COUNT]
    return tuple(_aimed(tile, run) for tile in _TILES if tile in chosen)


def templates(run: Run, theme: Theme) -> list[dict[str, Any]]:
    """Return the tiles as the browser fills them."""
    return [
        {**asdict(tile), "colour": theme.hues[tile.hue], "about": describe(tile.metric)}
        for tile in tiles(run)
    ]


def _aimed(tile: Tile, run: Run) -> Tile:
    if tile.metric != "entropy":
        return tile
    return Tile(tile.metric, tile.title, tile.hue, tile.form, run.h_star, tile.target_label)
