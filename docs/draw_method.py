"""Draw the pictures of method.md: ``python docs/draw_method.py`` writes ``docs/img/*.svg``.

The numbers come from ``fade_core``; the drawing is plain text, so that it is the same everywhere
and a test can compare it with what is in the repository.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fade_core.gradient_mass import mass_curve
from fade_core.scheduler import alpha_for, delta_for

IMAGES = Path(__file__).parent / "img"
WIDTH, HEIGHT = 560, 320
LEFT, RIGHT, TOP, BOTTOM = 56, 150, 34, 44
Row = tuple[str, str, dict[str, float]]
COLOURS = ("#33658a", "#c8553d", "#2a9d5c", "#8e5ea2", "#b8860b", "#5c6b73")


@dataclass(frozen=True)
class Line:
    """One line of a picture: its name, its points, and whether it is dashed."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    colour: str
    dashed: bool = False


def masses(rows: Sequence[Row]) -> list[Line]:
    """Return m_S of each method over the solve rate, and m_F dashed where it differs."""
    lines = []
    for (name, method, params), colour in zip(rows, COLOURS, strict=False):
        curve = mass_curve(method, None, 101, **params)
        equal = all(abs(s - f) < 1e-12 for s, f in zip(curve.success, curve.failure, strict=True))
        label = name if equal else f"{name}, success"
        lines.append(Line(label, curve.solve_rate, curve.success, colour))
        if not equal:
            lines.append(Line(f"{name}, failure", curve.solve_rate, curve.failure, colour, True))
    return lines


def pictures() -> dict[str, str]:
    """Return every picture by its file name."""
    grid = [i / 200 for i in range(201)]
    mass = "gradient mass a rollout (G to infinity)"
    sign: list[Row] = [
        ("REINFORCE", "reinforce", {}),
        ("NSR", "nsr", {}),
        ("GRPO", "grpo", {}),
        ("FADE(1, 0.5)", "fade", {"alpha": 1.0, "delta": 0.5}),
    ]
    focus: list[Row] = [(f"alpha {a:g}", "power", {"alpha": a}) for a in (1.0, 1.5, 2.0, 3.0)]
    scale: list[Row] = [
        ("GRPO", "grpo", {}),
        ("GRPO with std", "dapo", {}),
        ("MaxRL", "maxrl", {}),
        ("log-mean-exp 2", "log_mean_exp", {"beta": 2.0}),
        ("F-GRPO 1", "f_grpo", {"gamma": 1.0}),
        ("PKPO LOO 4", "pkpo_loo", {"k": 4}),
    ]
    alpha = [Line("alpha", grid, [alpha_for(p, 3.0) for p in grid], COLOURS[0])]
    delta = [
        Line(
            f"target {h:g} nat", [2 * p for p in grid], [delta_for(2 * p, h, 0.3) for p in grid], c
        )
        for h, c in zip((0.5, 1.0, 1.3), COLOURS, strict=False)
    ]
    return {
        "sign.svg": draw("The sign axis", "solve rate", mass, masses(sign)),
        "difficulty.svg": draw(
            "The difficulty axis: Power alpha", "solve rate", mass, masses(focus)
        ),
        "scale.svg": draw("Shapes of the family", "solve rate", mass, masses(scale)),
        "alpha.svg": draw("Difficulty focus", "average solve rate", "alpha", alpha),
        "delta.svg": draw("Sign balance", "average entropy, nats a token", "delta", delta),
    }


def draw(title: str, x_name: str, y_name: str, lines: Sequence[Line]) -> str:
    """Return lines in one pair of axes that start at 0, as an SVG."""
    right = max(max(line.x) for line in lines)
    highest = max(max(line.y) for line in lines)
    step = _step(highest)
    ticks = math.ceil(highest / step - 1e-9)
    top = ticks * step
    wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="sans-serif" font-size="11" role="img" aria-label="{title}">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        _text(LEFT, 20, title, size=14),
        _text(LEFT + wide / 2, HEIGHT - 8, x_name, anchor="middle"),
        f'<text transform="translate(14 {TOP + high / 2:.1f}) rotate(-90)" '
        f'text-anchor="middle" fill="#333333">{y_name}</text>',
    ]
    for i in range(ticks + 1):
        y = TOP + high - high * i / ticks
        parts.append(f'<path d="M{LEFT} {y:.1f}H{LEFT + wide}" stroke="#dddddd" fill="none"/>')
        parts.append(_text(LEFT - 6, y + 4, f"{i * step:g}", anchor="end"))
    for i in range(5):
        x = LEFT + wide * i / 4
        parts.append(f'<path d="M{x:.1f} {TOP}V{TOP + high}" stroke="#dddddd" fill="none"/>')
        parts.append(_text(x, TOP + high + 15, f"{right * i / 4:g}", anchor="middle"))
    for i, line in enumerate(lines):
        points = " ".join(
            f"{LEFT + wide * x / right:.1f},{TOP + high - high * y / top:.1f}"
            for x, y in zip(line.x, line.y, strict=True)
        )
        style = f'stroke="{line.colour}" stroke-width="2" fill="none"'
        style += ' stroke-dasharray="5 4"' * line.dashed
        y = TOP + 12 + 18 * i
        parts.append(f'<polyline points="{points}" {style}/>')
        parts.append(f'<path d="M{LEFT + wide + 10} {y - 4}h18" {style}/>')
        parts.append(_text(LEFT + wide + 33, y, line.name))
    return "\n".join([*parts, "</svg>", ""])


def _step(highest: float) -> float:
    """Return the largest round number that goes four times or more into the highest value."""
    size = 10.0 ** math.floor(math.log10(highest / 4))
    return max(size * part for part in (1, 2, 2.5, 5) if size * part <= highest / 4 * (1 + 1e-9))


def _text(x: float, y: float, text: str, anchor: str = "start", size: int = 11) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
        f'fill="#333333">{text}</text>'
    )


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    for name, svg in pictures().items():
        (IMAGES / name).write_text(svg, "utf-8")
