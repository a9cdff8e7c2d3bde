"""The Grafana dashboard asks for nothing that ``/metrics`` does not have."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from fade_server.main import create_app
from fade_server.settings import Settings
from tests.helpers import ROOT
from tests.integration.server import alarms
from tests.integration.server.api import serve

BOARD: dict[str, Any] = json.loads((ROOT / "docs" / "grafana.json").read_text())
PANELS: list[dict[str, Any]] = BOARD["panels"]
NAME = re.compile(r"\b(?:fadewatch|process)_[a-z_]+")
LABELS = re.compile(r"\bby \(([a-z, ]+)\)")
MATCHED = re.compile(r"[{,]\s*([a-z]+)=~?\"")
GIVEN_BY_PROMETHEUS = {"instance"}


def asked() -> list[str]:
    targets = [target["expr"] for panel in PANELS for target in panel["targets"]]
    return [*targets, BOARD["templating"]["list"][1]["query"]["query"]]


@pytest.fixture(scope="module")
def exposed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The names of an application that was used, each with its labels."""
    folder: Path = tmp_path_factory.mktemp("grafana")
    url = f"sqlite:///{folder}/fade.db"
    with serve(create_app(Settings(database_url=url))) as api:
        api.open_run("a")
        alarms.send(api, "a", alarms.losses([alarms.NAN] * 3))
        assert api.get("/runs/nobody").status_code == 404
        text = api.get("http://127.0.0.1/metrics").text
    names: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        names.setdefault(family.name, set())
        for sample in family.samples:
            names.setdefault(sample.name, set()).update(sample.labels)
    return names


def test_every_metric_and_label_of_the_board_exists(exposed: dict[str, set[str]]) -> None:
    for expression in asked():
        names = NAME.findall(expression)
        assert names, expression
        assert set(names) <= exposed.keys(), expression
        labels = {one.strip() for group in LABELS.findall(expression) for one in group.split(",")}
        labels |= set(MATCHED.findall(expression))
        # Nothing was delivered here, so that family has no sample to take a label from.
        known = set().union(*(exposed[name] or {"status"} for name in names))
        assert labels <= known | GIVEN_BY_PROMETHEUS, expression


def test_every_metric_of_ours_is_on_the_board(exposed: dict[str, set[str]]) -> None:
    shown = {name for expression in asked() for name in NAME.findall(expression)}
    families = {re.sub(r"_(total|bucket|count|sum|created)$", "", name) for name in shown}
    ours = {re.sub(r"_(total|bucket|count|sum|created)$", "", name) for name in exposed}
    assert {name for name in ours if name.startswith("fadewatch_")} <= families


def test_the_page_names_every_metric_and_no_other(exposed: dict[str, set[str]]) -> None:
    named = set(re.findall(r"`(fadewatch_[a-z_]+)`", (ROOT / "docs" / "running.md").read_text()))
    assert named <= exposed.keys()
    ours = {re.sub(r"_(total|bucket|count|sum|created)$", "", name) for name in exposed}
    told = {name.removesuffix("_total") for name in named}
    assert {name for name in ours if name.startswith("fadewatch_")} == told


def test_panels_do_not_overlap() -> None:
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in PANELS)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
