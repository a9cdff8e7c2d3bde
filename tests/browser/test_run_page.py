"""A person reads a run's page in a real Chromium."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from fade_dashboard.panels import PANELS
from tests.browser.conftest import SCRIPT, Fleet, Visitor
from tests.conftest import ServerProcess, wait_until
from tests.helpers import ROOT

pytestmark = pytest.mark.browser
expect.set_options(timeout=60_000)  # the machine may be busy
EMPTY = {"staleness"}
LOG = ROOT / "tests" / "data" / "reinforce.jsonl"
Visit = Callable[[ServerProcess], Visitor]


@pytest.fixture
def reader(visit: Visit, fleet: Fleet) -> Visitor:
    return visit(fleet.server)


def show(visitor: Visitor, panel: str) -> None:
    visitor.wait_for(f"document.getElementById('panel-{panel}')", f"the panel {panel}")
    visitor.page.evaluate(f"document.getElementById('panel-{panel}').scrollIntoView()")
    visitor.wait_for_panel(panel)


def test_every_panel_draws_and_one_without_data_says_what_feeds_it(
    reader: Visitor, fleet: Fleet
) -> None:
    reader.goto(f"/runs/{fleet.ids['fade-s0']}")
    for key in [panel.key for panel in PANELS if panel.key not in EMPTY]:
        show(reader, key)
    expect(reader.page.locator("#panel-staleness")).to_contain_text("log staleness")
    reader.wait_for("document.querySelectorAll('#more section').length > 0", "further metrics")
    show(reader, "extra/rollout_seconds")
    heights = reader.page.evaluate(
        "document.querySelector('#panel-difficulty .js-plotly-plot')._fullData[0].z.length"
    )
    assert heights == 10
    reader.page.evaluate("window.scrollTo(0, 0)")


def test_numbers_are_there_before_the_frame_around_them_and_stay(
    reader: Visitor, fleet: Fleet
) -> None:
    page, held = reader.page, list[Route]()
    page.route("**/dash_renderer*", lambda route: held.append(route))
    reader.goto(f"/runs/{fleet.ids['fade-s0']}")
    reader.wait_for_panel("entropy")
    expect(page.locator(".diagnosis-title")).to_be_visible()
    assert page.locator("#app-shell").count() == 0
    page.evaluate("window.kept = document.querySelector('#panel-entropy .js-plotly-plot')")
    page.keyboard.press("?")
    wait_until(lambda: bool(page.evaluate("1") and held), "the frame to be on its way")
    held[0].continue_()
    expect(page.get_by_text("show or hide this sheet")).to_be_visible()
    assert page.evaluate("document.querySelector('#board-slot').contains(window.kept)")
    assert page.locator("#early").count() == 0


def test_a_page_whose_frame_did_not_come_begins_anew(reader: Visitor, fleet: Fleet) -> None:
    page = reader.page
    page.route("**/dash_renderer*", lambda route: route.abort(), times=1)
    reader.goto(f"/runs/{fleet.ids['fade-s0']}")
    expect(page.locator("#toolbar")).to_be_visible()
    reader.wait_for_panel("entropy")
    reader.forgive("net::ERR_FAILED|DashContext")  # what is left of the frame misses the rest


def test_clicking_a_step_shows_its_weights_and_a_link_shows_them_again(
    reader: Visitor, fleet: Fleet
) -> None:
    reader.goto(f"/runs/{fleet.ids['grpo-s0']}")
    reader.wait_for_panel("entropy")
    drag = reader.page.locator("#panel-entropy .nsewdrag").first
    drag.hover(position={"x": 100, "y": 60})
    drag.click(position={"x": 100, "y": 60})
    expect(reader.page.locator("#step-note")).to_have_text("48 prompts × 8 rollouts.")
    counted = (
        "document.getElementById('step-plot').data"
        "?.reduce((sum, t) => sum + t.y.reduce((a, b) => a + b, 0), 0)"
    )
    reader.wait_for(f"{counted} === 384", "every weight to be counted")
    link = reader.address
    assert "step=" in link
    reader.page.keyboard.press("Escape")
    wait_until(lambda: "step=" not in reader.address, "the address to forget the step")
    reader.page.goto(link)
    expect(reader.page.locator("#step-note")).to_have_text("48 prompts × 8 rollouts.")


def test_a_zoom_is_everywhere_and_in_the_address(reader: Visitor, fleet: Fleet) -> None:
    reader.goto(f"/runs/{fleet.ids['fade-s1']}")
    reader.wait_for_panel("entropy")
    box = reader.page.locator("#panel-entropy .nsewdrag").first.bounding_box()
    assert box is not None
    reader.page.mouse.move(box["x"] + 60, box["y"] + 60)
    reader.page.mouse.down()
    reader.page.mouse.move(box["x"] + 160, box["y"] + 62, steps=5)
    reader.page.mouse.up()
    wait_until(lambda: "zoom=" in reader.address, "the zoom in the address")
    other = "document.querySelector('#panel-accuracy .js-plotly-plot')?._fullLayout.xaxis.range[1]"
    reader.wait_for(f"{other} < 70", "another panel to follow")
    link = reader.address
    reader.page.keyboard.press("z")
    reader.wait_for(f"{other} > 79", "all steps again")
    reader.page.goto(link)
    reader.wait_for_panel("accuracy")
    reader.wait_for(f"{other} < 70", "the zoom of the link")


def test_the_axis_can_be_tokens_or_time(reader: Visitor, fleet: Fleet) -> None:
    last = "Math.max(...document.querySelector('#panel-entropy .js-plotly-plot')._fullData[1].x)"
    reader.goto(f"/runs/{fleet.ids['fade-s1']}?axis=tokens")
    reader.wait_for_panel("entropy")
    assert reader.page.evaluate(last) == pytest.approx(48_000 * 80 * 1.4)
    reader.page.keyboard.press("x")
    wait_until(lambda: "axis=time" in reader.address, "the axis in the address")
    reader.wait_for(f"{last} < 3600", "seconds instead of tokens")


def test_keys_act_and_a_sheet_tells_them(reader: Visitor, fleet: Fleet) -> None:
    page = reader.page
    reader.goto(f"/runs/{fleet.ids['fade-s1']}")
    reader.wait_for_panel("entropy")
    page.keyboard.press("?")
    expect(page.get_by_text("show or hide this sheet")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text("show or hide this sheet")).to_have_count(0)
    page.keyboard.press("d")
    reader.wait_for("document.documentElement.dataset.mantineColorScheme === 'dark'", "the dark")
    page.keyboard.press("[")
    wait_until(lambda: "smooth=0.85" in reader.address, "less smoothing")
    page.keyboard.press("l")
    log = "document.querySelector('#panel-kl .js-plotly-plot')?._fullLayout.yaxis.type === 'log'"
    show(reader, "kl")
    reader.wait_for(log, "a logarithmic axis")
    page.keyboard.press("g")
    page.keyboard.press("c")
    page.wait_for_url("**/compare*")
    page.keyboard.press("g")
    page.keyboard.press("r")
    expect(page.locator("#runs-search")).to_be_visible()
    page.keyboard.press("/")
    expect(page.locator("#runs-search")).to_be_focused()


def test_what_is_shown_can_be_downloaded(
    reader: Visitor, fleet: Fleet, browser: Browser, tmp_path: Path
) -> None:
    page = reader.page
    reader.goto(f"/runs/{fleet.ids['fade-s1']}")
    reader.wait_for_panel("entropy")
    page.locator("#panel-entropy .panel").hover()
    with page.expect_download() as numbers:
        page.locator("#panel-entropy [data-act=csv]").click()
    numbers.value.save_as(tmp_path / "entropy.csv")
    with (tmp_path / "entropy.csv").open() as file:
        rows = list(csv.DictReader(file))
    sent = fleet.server.get(
        f"/api/v1/runs/{fleet.ids['fade-s1']}/series", metrics="entropy"
    ).json()["series"]["entropy"]
    shown = [row for row in rows if row["metric"] == "entropy"]
    assert [int(row["step"]) for row in shown] == sent["step"]
    assert [float(row["value"]) for row in shown] == sent["value"]
    page.get_by_text("Export").click()
    with page.expect_download() as whole:
        page.locator("[data-act=export-html]").click()
    whole.value.save_as(tmp_path / "page.html")
    alone = browser.new_page()
    alone.goto(f"file://{tmp_path}/page.html")
    drawn = "document.querySelectorAll('.js-plotly-plot .scatterlayer path.js-line').length"
    wait_until(lambda: alone.evaluate(drawn) > 5, "the downloaded page to draw")
    alone.close()


def test_a_run_named_like_a_script_has_a_name(reader: Visitor, fleet: Fleet) -> None:
    reader.goto(f"/runs/{fleet.ids[SCRIPT]}?compare={fleet.ids['live']}")
    expect(reader.page.locator("#crumb-run")).to_have_text(SCRIPT)
    reader.wait_for_panel("entropy", runs=2)
    expect(reader.page.locator("#legend")).to_contain_text(SCRIPT)
    assert reader.page.title() == f"{SCRIPT} · Fadewatch"


def test_a_log_is_imported_and_its_diagnosis_read(
    server: ServerProcess, visit: Visit, tmp_path: Path
) -> None:
    reader = visit(server)
    page = reader.page
    reader.goto("/")
    page.get_by_role("button", name="Import an example run").click()
    reader.wait_for_panel("accuracy")
    assert page.evaluate("window.fadewatch.lastStep('accuracy')") == 159
    expect(page.locator(".diagnosis")).to_contain_text("Forecast: entropy floor")
    reader.wait_for_panel("entropy")
    shapes = "document.querySelector('#panel-entropy .js-plotly-plot').layout.shapes"
    reader.wait_for(f"{shapes}.some(({{ path }}) => path)", "the forecast in the figure")

    (tmp_path / "no.log").write_text("there is nothing in here")
    reader.goto("/")
    _choose_file(page, tmp_path / "no.log")
    expect(page.locator("#import-said")).to_contain_text("in no format known here")
    _choose_file(page, LOG)
    page.wait_for_url("**/runs/*")
    expect(page.locator("#crumb-project")).to_have_text("imported")
    expect(page.locator(".diagnosis-title")).to_contain_text("open")
    expect(page.locator(".diagnosis .alert").first).to_contain_text("entropy")
    reader.wait_for_panel("entropy")
    reader.picture("imported")
    reader.forgive("status of 422")


def _choose_file(page: Page, path: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Store a log of a trainer").first.click()
    chooser.value.set_files(path)


def test_what_other_methods_would_weigh_is_in_the_address_and_a_wrong_one_is_told(
    reader: Visitor, fleet: Fleet
) -> None:
    page = reader.page
    note, drawn = page.locator("#whatif-note"), "document.getElementById('whatif-success')?.data"
    reader.goto(f"/runs/{fleet.ids['grpo-s0']}?tab=whatif&methods=dapo,maxrl")
    expect(note).to_contain_text("80 steps with raw weights")
    reader.wait_for(f"{drawn}?.length === 3", "the recorded masses and those of two methods")
    reader.picture("whatif")
    page.locator("#whatif-methods").fill("rloo")
    page.get_by_role("option", name="rloo", exact=True).click()
    wait_until(lambda: "methods=dapo,maxrl,rloo" in reader.address, "the choice in the address")
    reader.wait_for(f"{drawn}?.length === 4", "the third method")

    reader.goto(f"/runs/{fleet.ids['grpo-s0']}?tab=whatif&methods=grpo,nonsense")
    expect(note).to_contain_text("Advantage: no advantage method is called 'nonsense'; known:")
    reader.wait_for(f"!{drawn}", "no picture of something else")
    reader.forgive("status of 422")
