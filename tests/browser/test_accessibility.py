"""axe-core looks at every page, light and dark, wide and on a phone."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.browser.conftest import Fleet, Visitor
from tests.conftest import ServerProcess

pytestmark = pytest.mark.browser
AXE = Path(__file__).parents[1] / "data" / "axe" / "axe.min.js"
BAD = {"serious", "critical"}
DRAWN = "document.querySelector('#panel-entropy .js-plotly-plot')?._fullData?.length > 0"
PAGES = {
    "runs": ("/", "document.querySelectorAll('img.course').length > 4"),
    "run": ("/runs/{run}", DRAWN),
    "step": ("/runs/{run}?step=20", "document.getElementById('step-plot')?.data?.length === 2"),
    "steering": (
        "/runs/{run}?tab=steering",
        "document.getElementById('steer-plot')?.data?.length === 6",
    ),
    "audit": ("/runs/{run}?tab=audit", "document.getElementById('audit-plot')?.data?.length > 1"),
    "whatif": (
        "/runs/{run}?tab=whatif",
        "document.getElementById('whatif-failure')?.data?.length > 1",
    ),
    "compare": ("/compare?runs={run},{other}", DRAWN),
    "alerts": ("/alerts?state=all", "document.getElementById('alerts-list')?.children.length > 0"),
    "settings": ("/settings", "document.getElementById('sink-rows')?.children.length > 0"),
    "missing": ("/elsewhere", "document.body.innerText.includes('No such page')"),
}
"""Where each page is, and the condition under which all of it is there."""


def found_by_axe(visitor: Visitor) -> list[str]:
    visitor.page.evaluate(AXE.read_text() + "; true")
    results = "({ violations, passes }) => [violations, passes.length]"
    violations, passes = visitor.page.evaluate(f"axe.run().then({results})")
    assert passes > 10, "axe looked at nothing"
    return [
        f"{one['id']}: {node['target']}: {node['failureSummary']}"
        for one in violations
        if one["impact"] in BAD
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("page", sorted(PAGES))
def test_a_page_has_no_serious_fault(
    page: str, visit: Callable[[ServerProcess], Visitor], fleet: Fleet
) -> None:
    visitor = visit(fleet.server)
    path, there = PAGES[page]
    ids = {"run": fleet.ids["fade-s0"], "other": fleet.ids["grpo-s0"]}
    visitor.goto(path.format(**ids))
    visitor.wait_for(there, "the page")
    assert found_by_axe(visitor) == []
    visitor.page.keyboard.press("d")
    visitor.wait_for("document.documentElement.dataset.mantineColorScheme === 'dark'", "the dark")
    visitor.wait_for("!document.getAnimations().length", "the colours to settle")
    assert found_by_axe(visitor) == []
