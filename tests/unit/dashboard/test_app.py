import asyncio
import inspect
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from dash import Dash
from fastapi import FastAPI

from fade_dashboard import shell
from fade_dashboard.api import ApiClient
from fade_dashboard.app import content_security_policy, create_dashboard
from fade_dashboard.kpis import COUNT, tiles
from fade_dashboard.links import run_href
from fade_dashboard.panels import PANELS
from fade_dashboard.templates import chosen_metrics, templates
from fade_dashboard.theme import MAX_COMPARED, MAX_RUNS
from tests.unit.dashboard.api_fixtures import api_with, over, run_body


def dashboard(api: ApiClient, **options: Any) -> tuple[FastAPI, Dash]:
    server = FastAPI()
    return server, create_dashboard(server, api, **options)


def get(server: FastAPI, path: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(server)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            return await client.get(path)

    return asyncio.run(ask())


def ids_in(component: Any) -> set[str]:
    return {json.dumps(c.id) for c in component._traverse() if getattr(c, "id", None)}


def hrefs_in(component: Any) -> Iterator[str]:
    return (c.href for c in component._traverse() if getattr(c, "href", None))


def test_no_callback_can_block_the_event_loop() -> None:
    _, app = dashboard(api_with())
    called = {name: entry.get("callback") for name, entry in app.callback_map.items()}
    python = {name: call for name, call in called.items() if call is not None}
    assert set(python) == {
        "page.children",
        "templates.data",
        "more.children",
        "compare-panels.children",
    }
    assert all(inspect.iscoroutinefunction(call) for call in python.values())


@pytest.mark.parametrize(
    "path", ["/", "/runs/a", "/runs/unknown", "/compare", "/alerts", "/settings"]
)
def test_every_page_can_be_opened_by_its_address(path: str) -> None:
    server, _ = dashboard(api_with())
    response = get(server, path)
    assert response.status_code == 200
    assert '<html lang="en">' in response.text


def test_everything_that_a_page_loads_is_on_the_same_site() -> None:
    server, _ = dashboard(api_with())
    page = get(server, "/").text
    assert "//" not in page.replace("http://www.w3.org", "")


def test_two_dashboards_in_one_process_are_independent() -> None:
    first, _ = dashboard(api_with(run_body("a", [])))
    second, other = dashboard(api_with(run_body("b", [])), base="/ui/")
    assert '"/assets/core.js' in get(first, "/runs/a").text
    assert '"/ui/assets/core.js' in get(second, "/ui/runs/b").text
    assert other.config.url_base_pathname == "/ui/"


def test_the_policy_allows_scripts_of_this_site_only() -> None:
    _, app = dashboard(api_with())
    rules = dict(rule.split(" ", 1) for rule in content_security_policy(app).split("; "))
    sources = rules["script-src"].split()
    assert sources[0] == "'self'"
    assert all(source.startswith("'sha256-") for source in sources[1:])
    assert rules["default-src"] == "'self'"
    assert rules["object-src"] == "'none'"
    assert rules["frame-ancestors"] == "'none'"


def test_a_link_to_a_run_is_made_from_its_quoted_id() -> None:
    assert run_href("javascript:alert(1)") == "/runs/javascript%3Aalert%281%29"
    assert run_href('a"><b', "/ui/") == "/ui/runs/a%22%3E%3Cb"


def page_at(path: str, api: ApiClient) -> Any:
    return asyncio.run(shell.page(api, path, "/"))


def test_the_root_is_the_page_of_runs() -> None:
    assert page_at("/", api_with()).id == "page-runs"


def test_the_page_that_compares_needs_no_run_to_be_there() -> None:
    assert page_at("/compare", api_with()).id == "page-compare"


def test_the_pages_of_alerts_and_settings_need_no_run_either() -> None:
    assert page_at("/settings", api_with()).id == "page-settings"
    assert page_at("/alerts", api_with()).id == "page-alerts"


def test_a_known_run_has_a_page_with_every_panel() -> None:
    page = page_at("/runs/a", api_with(run_body("a", [])))
    assert page.id == "page-run"
    assert {json.dumps(f"panel-{panel.key}") for panel in PANELS} <= ids_in(page)


def test_an_unknown_run_is_named_as_missing() -> None:
    page = page_at("/runs/a", api_with())
    assert page.id == "page-missing"
    assert "No run has the id a." in str(page)


@pytest.mark.parametrize("path", ["/elsewhere", "/runs/", "/runs/a/b", "/runs/%3Cscript%3E"])
def test_an_address_that_is_no_page_leads_back(path: str) -> None:
    page = page_at(path, api_with())
    assert page.id == "page-missing"
    assert list(hrefs_in(page)) == ["/"]


def test_a_run_has_its_page_while_the_api_cannot_be_reached() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    assert page_at("/runs/a", over(refuse)).id == "page-run"


def test_templates_name_the_runs_in_the_order_of_selection() -> None:
    api = api_with(run_body("a", ["entropy"]), run_body("b", ["entropy"], name="<i>b</i>"))
    made = asyncio.run(templates(api, {"runs": ["b", "a", "gone", "b"], "dark": True}))
    assert made is not None
    assert [who["name"] for who in made["runs"]] == ["<i>b</i>", "a"]
    assert [who["colour"] for who in made["runs"]] == ["#4DA3E0", "#E69F00"]
    drawn = {key for key, panel in made["panels"].items() if panel["figure"]}
    assert drawn == {"entropy"}


@pytest.mark.parametrize(
    "posted", [None, {}, {"runs": None}, {"runs": "a"}, {"runs": [1, "../x", ""]}, ["a"]]
)
def test_nothing_is_made_of_what_is_not_a_list_of_ids(posted: Any) -> None:
    assert asyncio.run(templates(api_with(), posted)) is None


def test_no_more_runs_are_read_than_can_be_told_apart() -> None:
    bodies = [run_body(f"r{i}", []) for i in range(20)]
    wanted = {"runs": [body["id"] for body in bodies]}
    made = asyncio.run(templates(api_with(*bodies), wanted))
    assert made is not None
    assert len(made["runs"]) == MAX_COMPARED + 1


def test_the_page_that_compares_takes_twenty_runs_and_leaves_out_those_that_are_gone() -> None:
    bodies = [run_body(f"r{i}", ["entropy"]) for i in range(30)]
    ids = ["gone", *(body["id"] for body in bodies)]
    wanted = {"page": "compare", "runs": ids, "metrics": ["entropy", "no such", "loss"]}
    made = asyncio.run(templates(api_with(*bodies), wanted))
    assert made is not None
    assert len(made["runs"]) == MAX_RUNS - 1
    assert set(made["panels"]) == {"entropy", "loss", "pass_at_k"}
    assert len(made["panels"]["entropy"]["figure"]["data"]) == MAX_RUNS - 1
    assert made["panels"]["loss"]["figure"] is None


def test_seeds_of_a_group_are_one_entry_of_the_legend() -> None:
    bodies = [run_body(f"r{i}", ["entropy"], group="g" if i < 3 else None) for i in range(4)]
    wanted = {"page": "compare", "runs": [b["id"] for b in bodies], "metrics": ["entropy"]}
    made = asyncio.run(templates(api_with(*bodies), {**wanted, "grouped": True}))
    assert made is not None
    assert [(who["name"], who["count"]) for who in made["runs"]] == [("g", 3), ("r3", 1)]


def test_what_no_panel_shows_gets_one_of_its_own() -> None:
    api = api_with(run_body("a", ["entropy", "extra/beam", "adv_kurtosis", "extra/num_tokens"]))
    made = asyncio.run(templates(api, {"runs": ["a"]}))
    assert made is not None
    assert list(made["more"]) == ["adv_kurtosis", "extra/beam", "extra/num_tokens"]
    assert all(made["panels"][metric]["figure"] for metric in made["more"])


@pytest.mark.parametrize("posted", [None, "entropy", [3, "", "x" * 200, "no such field"], {}])
def test_only_names_of_metrics_are_taken_from_what_was_posted(posted: Any) -> None:
    assert chosen_metrics(posted) == []


def test_a_panel_without_data_says_what_to_switch_on_in_the_trainer() -> None:
    coverage = {"trainer": "trl 1.16", "not_fed": {"staleness": "set log_staleness=True"}}
    api = api_with(run_body("a", ["entropy"], config={"coverage": coverage}))
    made = asyncio.run(templates(api, {"runs": ["a"]}))
    assert made is not None
    said = made["panels"]["staleness"]["missing"]
    assert said == "trl 1.16 does not report this. Set log_staleness=True"
    assert made["panels"]["reward"]["missing"].startswith("No data yet: log ")


@pytest.mark.parametrize("config", [None, [], {"coverage": "full"}, {"coverage": {"not_fed": 3}}])
def test_a_config_of_any_form_is_no_report_of_an_adapter(config: Any) -> None:
    made = asyncio.run(templates(api_with(run_body("a", [], config=config)), {"runs": ["a"]}))
    assert made is not None
    assert made["panels"]["staleness"]["missing"] == "No data yet: log staleness"


def test_templates_of_a_run_that_is_gone_are_an_error_in_words() -> None:
    made = asyncio.run(templates(api_with(), {"runs": ["a"]}))
    assert made == {"error": "no run has the id 'a'"}


def test_tiles_show_what_a_run_has_first() -> None:
    run = asyncio.run(api_with(run_body("a", ["entropy", "grad_norm"])).get_run("a"))
    chosen = tiles(run)
    assert len(chosen) == COUNT
    assert {"entropy", "grad_norm"} <= {tile.metric for tile in chosen}
    assert [tile.target for tile in chosen if tile.metric == "entropy"] == [0.62]


def test_the_dashboard_is_imported_without_torch_and_without_a_database() -> None:
    code = (
        "import sys; sys.modules['torch'] = sys.modules['sqlalchemy'] = None; "
        "import fade_dashboard.app; assert 'fade_server' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
