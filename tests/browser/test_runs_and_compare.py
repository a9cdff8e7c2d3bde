"""A person finds runs in the table and compares them, in a real Chromium."""

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SCRIPT, Fleet, Visitor
from tests.conftest import ServerProcess, wait_until

pytestmark = pytest.mark.browser
METRICS = ("accuracy", "entropy", "kl_k3", "sign_ratio", "head_rank1_share", "grad_norm")
Visit = Callable[[ServerProcess], Visitor]


@pytest.fixture
def reader(visit: Visit, fleet: Fleet) -> Visitor:
    return visit(fleet.server)


def count(visitor: Visitor) -> str:
    return visitor.page.locator("#runs-count").inner_text()


def seeds(fleet: Fleet) -> list[str]:
    return [run for name, run in fleet.ids.items() if "-s" in name and name != SCRIPT]


def test_runs_are_found_by_words_and_by_filters(reader: Visitor, fleet: Fleet) -> None:
    page = reader.page
    reader.goto("/")
    expect(page.locator("#runs-count")).to_have_text("12 runs")
    page.locator("#runs-search").fill("grpo S3")
    expect(page.locator("#runs-count")).to_have_text("1 of 12 runs")
    expect(page.get_by_role("link", name="grpo-s3").first).to_be_visible()
    wait_until(lambda: "q=grpo" in reader.address, "the search in the address")
    reader.goto("/?status=running")
    expect(page.locator("#runs-count")).to_have_text("1 of 12 runs")
    reader.goto("/?tag=fade&q=nothing")
    expect(page.locator("#runs-count")).to_have_text("0 of 12 runs")


def test_rows_have_courses_and_groups_their_mean_and_spread(reader: Visitor) -> None:
    page = reader.page
    reader.goto("/")
    reader.wait_for("document.querySelectorAll('img.course').length >= 20", "the courses")
    reader.picture("runs")
    page.locator("#runs-grouped").dispatch_event("click")
    expect(page.get_by_text("grpo (5 runs)").first).to_be_visible()
    expect(page.get_by_text("±").first).to_be_visible()


def test_a_name_in_the_table_is_text(reader: Visitor) -> None:
    reader.goto("/")
    expect(reader.page.get_by_role("link", name=SCRIPT).first).to_be_visible()


def test_columns_can_be_chosen(reader: Visitor) -> None:
    page = reader.page
    reader.goto("/")
    expect(page.locator("#runs-count")).to_have_text("12 runs")
    expect(page.locator("[role=columnheader][col-id=project]")).to_have_count(0)
    page.get_by_text("Columns", exact=True).click()
    page.get_by_label("Project", exact=True).click()
    expect(page.locator("[role=columnheader][col-id=project]")).to_have_count(1)
    wait_until(lambda: "cols=" in reader.address, "the columns in the address")


def test_ten_runs_are_compared(reader: Visitor, fleet: Fleet) -> None:
    page = reader.page
    reader.goto("/?q=-s")
    expect(page.locator("#runs-count")).to_have_text("10 of 12 runs")
    page.get_by_label("Column with Header Selection").first.click()
    page.get_by_role("button", name="Compare selected (10)").click()
    page.wait_for_url("**/compare?*")
    chosen = parse_qs(urlsplit(reader.address).query)["runs"][0].split(",")
    assert set(chosen) == set(seeds(fleet))
    for metric in METRICS:
        page.evaluate(f"document.getElementById('panel-{metric}')?.scrollIntoView()")
        reader.wait_for_panel(metric, runs=10)
    page.locator("#config-table").scroll_into_view_if_needed()
    expect(page.locator("#config-table")).to_contain_text("beta")
    expect(page.locator("#config-table")).not_to_contain_text("lr")
    reader.wait_for_panel("pass_at_k", runs=10)
    page.evaluate("window.scrollTo(0, 0)")
    reader.picture("compare")


def test_seeds_become_a_mean_with_its_interval(reader: Visitor, fleet: Fleet) -> None:
    reader.goto(f"/compare?runs={','.join(seeds(fleet))}&grouped=1")
    reader.wait_for_panel("entropy", runs=2)
    expect(reader.page.locator("#legend")).to_contain_text("5 runs, mean and 95%")
    ordered = """(() => {
      const [low, high, mean] = document.querySelector('#panel-entropy .js-plotly-plot')._fullData;
      return low.y.length > 10 && [...mean.y].every((v, i) => low.y[i] < v && v < high.y[i]);
    })()"""
    reader.wait_for(ordered, "the mean inside of its interval")


def test_a_difference_is_to_the_chosen_baseline(reader: Visitor, fleet: Fleet) -> None:
    base, other = fleet.ids["fade-s0"], fleet.ids["grpo-s0"]
    reader.goto(f"/compare?runs={base},{other}&view=difference&baseline={base}&smooth=0")
    reader.wait_for_panel("entropy")
    series = {
        run: fleet.server.get(f"/api/v1/runs/{run}/series", metrics="entropy").json()
        for run in (base, other)
    }
    values = {run: answer["series"]["entropy"]["value"] for run, answer in series.items()}
    drawn = "[...document.querySelector('#panel-entropy .js-plotly-plot')._fullData[0].y]"
    expected = [b - a for a, b in zip(values[base], values[other], strict=True)]
    assert reader.page.evaluate(drawn) == pytest.approx(expected)


def test_small_multiples_share_one_scale(reader: Visitor, fleet: Fleet) -> None:
    reader.goto(f"/compare?runs={','.join(seeds(fleet)[:6])}&view=multiples")
    reader.wait_for_panel("accuracy", runs=6)
    ranges = """(() => {
      const layout = document.querySelector('#panel-accuracy .js-plotly-plot')?._fullLayout;
      return Object.keys(layout).filter((k) => /^yaxis/.test(k)).map((k) => layout[k].range);
    })()"""
    found = reader.page.evaluate(ranges)
    assert len(found) == 6
    assert all(one == found[0] for one in found)


def test_pass_at_k_is_that_of_the_chosen_step(reader: Visitor, fleet: Fleet) -> None:
    run = fleet.ids["fade-s2"]
    reader.goto(f"/compare?runs={run},{fleet.ids['grpo-s2']}&at=45")
    reader.page.locator("#panel-pass_at_k").scroll_into_view_if_needed()
    reader.wait_for_panel("pass_at_k", runs=2)
    names = [f"pass_at_k/{k}" for k in (1, 4, 16, 64)]
    series = fleet.server.get(f"/api/v1/runs/{run}/series", metrics=",".join(names)).json()
    expected = [series["series"][name]["value"][2] for name in names]
    drawn = "[...document.querySelector('#panel-pass_at_k .js-plotly-plot')._fullData[0].y]"
    assert reader.page.evaluate(drawn) == pytest.approx(expected)
