import asyncio
import inspect
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import dash_mantine_components as dmc
import httpx
import pytest
from dash import Dash
from fastapi import FastAPI
from plotly.offline import get_plotlyjs_version

from fade_dashboard import shell
from fade_dashboard.api import ApiClient, RunNotFound
from fade_dashboard.app import content_security_policy, create_dashboard
from fade_dashboard.board import components, plain
from fade_dashboard.browser import LIBRARY, LIBRARY_VERSION
from fade_dashboard.kpis import COUNT, tiles
from fade_dashboard.links import run_href
from fade_dashboard.panels import PANELS
from fade_dashboard.templates import Wanted, chosen_metrics, templates
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
    assert set(python) == {"page.children", "compare-panels.children"}
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
    assert '"/_fadewatch/page.js' in get(first, "/runs/a").text
    assert '"/ui/_fadewatch/page.js' in get(second, "/ui/runs/b").text
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


def made_of(api: ApiClient, **wanted: Any) -> dict[str, Any]:
    return asyncio.run(templates(api, Wanted(**wanted)))


def page_at(path: str, api: ApiClient) -> Any:
    return asyncio.run(shell.page(api, path, "/"))


def test_the_root_is_the_page_of_runs() -> None:
    assert page_at("/", api_with()).id == "page-runs"


def test_the_page_that_compares_needs_no_run_to_be_there() -> None:
    assert page_at("/compare", api_with()).id == "page-compare"


def test_the_pages_of_alerts_and_settings_need_no_run_either() -> None:
    assert page_at("/settings", api_with()).id == "page-settings"
    assert page_at("/alerts", api_with()).id == "page-alerts"


def test_a_known_run_has_a_page_with_a_place_for_its_board() -> None:
    page = page_at("/runs/a", api_with(run_body("a", [])))
    assert page.id == "page-run"
    assert json.dumps("board-slot") in ids_in(page)


def test_the_board_of_a_run_has_every_panel_and_one_for_each_further_metric() -> None:
    board = json.dumps(components(["extra/beam"]))
    assert all(f'"panel-{key}"' in board for key in [*(one.key for one in PANELS), "extra/beam"])


def test_what_the_browser_makes_of_the_board_are_plain_elements() -> None:
    parts = [one for made in components(["loss"]) for one in traverse(made)]
    assert {part["namespace"] for part in parts} == {"dash_html_components"}
    known = {"id", "children", "className", "style", "role", "title", "type"}
    names = {name for part in parts for name in part["props"]}
    assert {name for name in names - known if not name.startswith(("aria-", "data-"))} == set()
    with pytest.raises(TypeError, match="plain"):
        plain(dmc.Button("no"))


def traverse(made: Any) -> Iterator[dict[str, Any]]:
    if isinstance(made, dict):
        yield made
        for one in flat(made["props"].get("children")):
            yield from traverse(one)


def flat(children: Any) -> list[Any]:
    return children if isinstance(children, list) else [children]


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
    made = made_of(api, runs=["b", "a", "gone", "b"], dark=True)
    assert [who["name"] for who in made["runs"]] == ["<i>b</i>", "a"]
    assert [who["colour"] for who in made["runs"]] == ["#4DA3E0", "#E69F00"]
    drawn = {key for key, panel in made["panels"].items() if panel["figure"]}
    assert drawn == {"entropy"}


@pytest.mark.parametrize("runs", [[], ["../x"], [""], ["a/b", "gone"]])
def test_templates_of_what_is_no_run_are_an_error_in_words(runs: list[str]) -> None:
    with pytest.raises(RunNotFound, match="no run has the id"):
        made_of(api_with(), runs=runs)


def test_the_browser_asks_for_templates_by_an_address() -> None:
    server, _ = dashboard(api_with(run_body("a", ["entropy"]), run_body("b", [])), base="/ui/")
    answer = get(server, "/ui/_fadewatch/templates?runs=a&runs=b&dark=true")
    assert answer.headers["cache-control"] == "no-store"
    found = answer.json()
    assert [who["id"] for who in found["runs"]] == ["a", "b"]
    assert found["facts"] == [["a", "a", None, 1, 0.62], ["b", "b", None, 0, 0.62]]
    assert get(server, "/ui/_fadewatch/templates?runs=gone").status_code == 404
    assert get(server, "/ui/_fadewatch/templates?runs=a&arrangement=pie").status_code == 422


def test_templates_are_refused_while_the_api_cannot_be_reached() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    server, _ = dashboard(over(refuse))
    assert get(server, "/_fadewatch/templates?runs=a").status_code == 503


def test_what_a_page_loads_names_its_version_and_can_be_kept() -> None:
    server, _ = dashboard(api_with())
    found = re.findall(r'src="(/_fadewatch/[^"]+)"', get(server, "/").text)
    assert [address.partition("?")[0] for address in found] == [
        "/_fadewatch/plotly.js",
        "/_fadewatch/page.js",
    ]
    assert all("?m=" in address for address in found)
    for address in found:
        assert get(server, address).headers["content-type"].startswith("text/javascript")


def test_the_library_that_draws_is_the_one_that_the_templates_are_checked_against() -> None:
    assert f"v{get_plotlyjs_version()}\n" in LIBRARY.read_text()[:200]
    assert get_plotlyjs_version() == LIBRARY_VERSION


def test_no_more_runs_are_read_than_can_be_told_apart() -> None:
    bodies = [run_body(f"r{i}", []) for i in range(20)]
    made = made_of(api_with(*bodies), runs=[body["id"] for body in bodies])
    assert len(made["runs"]) == MAX_COMPARED + 1


def test_the_page_that_compares_takes_twenty_runs_and_leaves_out_those_that_are_gone() -> None:
    bodies = [run_body(f"r{i}", ["entropy"]) for i in range(30)]
    ids = ["gone", *(body["id"] for body in bodies)]
    metrics = ["entropy", "no such", "loss"]
    made = made_of(api_with(*bodies), page="compare", runs=ids, metrics=metrics)
    assert len(made["runs"]) == MAX_RUNS - 1
    assert set(made["panels"]) == {"entropy", "loss", "pass_at_k"}
    assert len(made["panels"]["entropy"]["figure"]["data"]) == MAX_RUNS - 1
    assert made["panels"]["loss"]["figure"] is None


def test_seeds_of_a_group_are_one_entry_of_the_legend() -> None:
    bodies = [run_body(f"r{i}", ["entropy"], group="g" if i < 3 else None) for i in range(4)]
    ids = [body["id"] for body in bodies]
    made = made_of(api_with(*bodies), page="compare", runs=ids, metrics=["entropy"], grouped=True)
    assert [(who["name"], who["count"]) for who in made["runs"]] == [("g", 3), ("r3", 1)]


def test_what_no_panel_shows_gets_one_of_its_own() -> None:
    api = api_with(run_body("a", ["entropy", "extra/beam", "adv_kurtosis", "extra/num_tokens"]))
    made = made_of(api, runs=["a"])
    more = ["adv_kurtosis", "extra/beam", "extra/num_tokens"]
    assert made["board"] == components(more)
    assert all(made["panels"][metric]["figure"] for metric in more)


@pytest.mark.parametrize("posted", [None, "entropy", [3, "", "x" * 200, "no such field"], {}])
def test_only_names_of_metrics_are_taken_from_what_was_posted(posted: Any) -> None:
    assert chosen_metrics(posted) == []


def test_a_panel_without_data_says_what_to_switch_on_in_the_trainer() -> None:
    coverage = {"trainer": "trl 1.16", "not_fed": {"staleness": "set log_staleness=True"}}
    api = api_with(run_body("a", ["entropy"], config={"coverage": coverage}))
    made = made_of(api, runs=["a"])
    said = made["panels"]["staleness"]["missing"]
    assert said == "trl 1.16 does not report this. Set log_staleness=True"
    assert made["panels"]["reward"]["missing"].startswith("No data yet: log ")


@pytest.mark.parametrize("config", [None, [], {"coverage": "full"}, {"coverage": {"not_fed": 3}}])
def test_a_config_of_any_form_is_no_report_of_an_adapter(config: Any) -> None:
    made = made_of(api_with(run_body("a", [], config=config)), runs=["a"])
    assert made["panels"]["staleness"]["missing"] == "No data yet: log staleness"


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
