"""axe-core looks at every page, light and dark, wide and on a phone."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.browser.conftest import Fleet, Visitor
from tests.conftest import ServerProcess

pytestmark = pytest.mark.browser
AXE = Path(__file__).parents[1] / "data" / "axe" / "axe.min.js"
BAD = {"serious", "critical"}


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


@pytest.mark.parametrize("page", ["runs", "run", "step", "compare", "missing"])
def test_a_page_has_no_serious_fault(
    page: str, visit: Callable[[ServerProcess], Visitor], fleet: Fleet
) -> None:
    visitor = visit(fleet.server)
    run, other = fleet.ids["fade-s0"], fleet.ids["grpo-s0"]
    paths = {
        "runs": "/",
        "run": f"/runs/{run}",
        "step": f"/runs/{run}?step=20",
        "compare": f"/compare?runs={run},{other}",
        "missing": "/elsewhere",
    }
    visitor.goto(paths[page])
    if page == "runs":
        visitor.wait_for("document.querySelectorAll('img.course').length > 4", "the table")
    elif page == "step":
        visitor.wait_for("document.getElementById('step-plot')?.data?.length === 2", "the weights")
    elif page == "missing":
        visitor.page.get_by_text("No such page").wait_for()
    else:
        visitor.wait_for_panel("entropy", runs=2 if page == "compare" else 1)
    assert found_by_axe(visitor) == []
    visitor.page.keyboard.press("d")
    visitor.wait_for("document.documentElement.dataset.mantineColorScheme === 'dark'", "the dark")
    visitor.wait_for("!document.getAnimations().length", "the colours to settle")
    assert found_by_axe(visitor) == []
