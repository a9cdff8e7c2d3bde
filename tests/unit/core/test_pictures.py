"""The pictures of docs/method.md are those that the code draws, and its table what it computes."""

import runpy
from typing import Any

import pytest

from fade_core.weights import tails_by_construction
from tests.helpers import ROOT

DRAWING: dict[str, Any] = runpy.run_path(str(ROOT / "docs" / "draw_method.py"))


def test_each_picture_is_drawn_by_the_code_and_shown_on_the_page() -> None:
    page = (ROOT / "docs" / "method.md").read_text("utf-8")
    pictures = DRAWING["pictures"]()
    assert {path.name for path in DRAWING["IMAGES"].glob("*.svg")} == set(pictures)
    for name, svg in pictures.items():
        stored = (DRAWING["IMAGES"] / name).read_text("utf-8")
        assert stored == svg, f"{name} is stale: run python docs/draw_method.py"
        assert f"img/{name}" in page


def table_rows() -> list[list[str]]:
    page = (ROOT / "docs" / "method.md").read_text("utf-8")
    section = page.partition("## Tails by construction")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line[:3] == "| `"]
    assert rows
    return rows


@pytest.mark.parametrize("row", table_rows(), ids=lambda row: row[0])
def test_the_table_of_tails_is_what_the_code_computes(row: list[str]) -> None:
    method, _, rest = row[0].strip("`").partition(":")
    params = {name: float(value) for name, _, value in
              (part.partition("=") for part in rest.split(":") if part)}  # fmt: skip
    found = tails_by_construction(method, 16, **params)
    got = (found.zero_share, found.max_over_mean, found.excess_kurtosis, found.gini,
           found.top1_share, found.kish_fraction)  # fmt: skip
    assert [f"{value:.4g}" for value in got] == row[1:]
