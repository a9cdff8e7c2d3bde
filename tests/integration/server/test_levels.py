"""Levels of detail: a chart of a long run reads little of it, and shows what the rows show."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, update

from fade_server.queries import runs as run_queries
from fade_server.queries.levels import WRITTEN
from fade_server.services.downsample import Floats, envelope, thin
from fade_server.services.levels import (
    block_steps,
    bucket_steps,
    build_levels,
    level_for,
    runs_behind,
)
from fade_server.services.metrics import parse_metrics
from fade_server.services.points import Curves, read_points
from fade_server.tables import levels
from fade_server.tables import steps as rows
from tests.integration.server.api import Api

METRICS = ("loss", "sign_ratio", "extra/x", "adv_quantiles/0.5", "schedule/alpha", "schedule/h_hat")
LAST = 400_000
BLOCK = block_steps(1)
ODD: list[float | str] = ["NaN", "Infinity", "-Infinity"]


@pytest.fixture(scope="module", autouse=True)
def _quiet(api: Api) -> None:
    """Leave the jobs out: the tests say themselves when levels are written."""
    api.context.background.stop()


def build_all(api: Api, run: str) -> None:
    while build_levels(api.context, run):
        pass


@pytest.fixture(scope="module")
def long(api: Api) -> str:
    """A run of 6,000 steps in a row, then one in forty, with values of every kind."""
    api.open_run("levels")
    _send(api, "levels", [*range(6000), *range(6000, LAST, 41)])
    build_all(api, "levels")
    return "levels"


STEP = st.integers(0, LAST) | st.integers(0, LAST // BLOCK).map(lambda block: block * BLOCK)


@settings(max_examples=15)
@given(ends=st.tuples(STEP, STEP).map(sorted), points=st.integers(8, 3000))
def test_any_range_is_shown_as_its_rows_would_be(
    api: Api, long: str, ends: list[int], points: int
) -> None:
    _agrees(api, long, ends[0], ends[1], points)
    _agrees(api, long, ends[0], max(ends[1] - 1, ends[0]), points)


def test_a_chart_of_a_long_run_needs_hardly_any_of_its_rows(api: Api) -> None:
    api.open_run("hollow")
    _send(api, "hollow", list(range(9000)))
    build_all(api, "hollow")
    query = {"points": 100, "from": 5, "to": 8500}
    before = api.series("hollow", *METRICS, **query)
    with api.context.store.write() as session:
        run = run_queries.find_run(session, "hollow")
        assert run is not None
        inside = rows.c.step.between(16, 8191)
        session.execute(update(rows).where(rows.c.run_pk == run.pk, inside).values(loss=0.0))
    assert api.series("hollow", *METRICS, **query) == before
    assert api.series("hollow", "loss", points=9000) != before


def test_a_late_step_shows_at_once_and_its_blocks_are_written_again(api: Api) -> None:
    api.open_run("late")
    _send(api, "late", list(range(0, 3 * BLOCK + 1, 2)))
    build_all(api, "late")
    assert _blocks(api, "late") == [0, 1, 2]
    api.send("late", [BLOCK + 905], columns={"loss": [777.0]})
    assert _blocks(api, "late") == [0]
    assert 777.0 in api.series("late", "loss", points=8)["loss"]["value"]
    assert runs_behind(api.context) == ["late"]
    build_all(api, "late")
    assert runs_behind(api.context) == []
    assert _blocks(api, "late") == [0, 1, 2]
    assert 777.0 in api.series("late", "loss", points=8)["loss"]["value"]
    _agrees(api, "late", 0, 3 * BLOCK, 50)


def test_a_new_attempt_replaces_what_it_supersedes(api: Api) -> None:
    api.open_run("again")
    _send(api, "again", list(range(0, 6 * BLOCK, 3)))
    build_all(api, "again")
    assert _blocks(api, "again") == [0, 1, 2, 3, 4]
    api.open_run("again", "a2")
    _send(api, "again", list(range(2 * BLOCK + 808, 7 * BLOCK, 2)), attempt=2, low=5.0)
    build_all(api, "again")
    assert _blocks(api, "again") == [0, 1, 2, 3, 4, 5]
    for first, last, points in [(0, 8 * BLOCK, 40), (2000, 3000, 100), (2856, 8 * BLOCK, 8)]:
        _agrees(api, "again", first, last, points)
    newer = api.series("again", "extra/x", points=64, **{"from": 2856})["extra/x"]["value"]
    assert min(map(float, newer)) >= 5.0


def test_what_is_remembered_of_a_run_ends_with_what_changes_it(api: Api) -> None:
    api.open_run("seen")
    _send(api, "seen", list(range(4 * BLOCK + 300)))
    queries = [(0, 8 * BLOCK, 100), (32, 3 * BLOCK - 1, 60), (1000, 4 * BLOCK + 250, 40)]

    def looks_right() -> None:
        for _ in range(2):
            for first, last, points in queries:
                _agrees(api, "seen", first, last, points)

    looks_right()  # no block is written
    build_all(api, "seen")
    looks_right()
    api.send("seen", [4 * BLOCK + 305], columns={"loss": [99.0]})
    looks_right()
    api.send("seen", [4 * BLOCK + 302], columns={"loss": [777.0]})  # late, behind every block
    looks_right()
    api.open_run("seen", "a2")
    looks_right()
    _send(api, "seen", list(range(2 * BLOCK + 5, 3 * BLOCK + 100)), attempt=2, low=5.0)
    looks_right()
    build_all(api, "seen")
    looks_right()


def test_a_chart_that_was_shown_once_needs_only_what_is_new(api: Api) -> None:
    api.open_run("once")
    _send(api, "once", list(range(3 * BLOCK + 40)))
    build_all(api, "once")
    api.series("once", *METRICS, points=100)
    pk = _pk(api, "once")
    with api.context.store.write() as session:
        session.execute(delete(levels).where(levels.c.run_pk == pk))
        session.execute(update(rows).where(rows.c.run_pk == pk).values(loss=-1.0))
    zoomed = api.series("once", *METRICS, points=90, **{"from": BLOCK, "to": 2 * BLOCK - 1})
    assert -1.0 not in zoomed["loss"]["value"]
    assert -1.0 not in api.series("once", *METRICS, points=99)["loss"]["value"]
    api.send("once", [3 * BLOCK + 40], columns={"loss": [88.0]})
    whole = api.series("once", *METRICS, points=100)["loss"]["value"]
    assert (whole[-1], -1.0 in whole) == (88.0, False)


def test_steps_far_apart_cost_no_empty_blocks(api: Api) -> None:
    api.open_run("far")
    far = 2**52
    _send(api, "far", [*range(BLOCK + 100), far, far + 5000])
    build_all(api, "far")
    assert _blocks(api, "far") == [0, 1, far // BLOCK]
    _agrees(api, "far", 0, far + 5000, 8)
    _agrees(api, "far", 10, far, 100)


def _agrees(api: Api, run_id: str, first: int, last: int, points: int) -> None:
    """Compare an answer with what the rows say."""
    end = api.run(run_id)["last_step"]
    width = bucket_steps(level_for(min(last, end + 1) - first + 1, points))
    answer = api.series(run_id, *METRICS, points=points, **{"from": first, "to": last})
    for name, (steps, values) in _rows(api, run_id, first, last).items():
        got = np.array(answer[name]["step"]), np.array([*map(float, answer[name]["value"])])
        wanted = envelope(*thin(steps, values, width), points, width)
        assert len(got[0]) <= points
        np.testing.assert_array_equal(got, wanted)
        if len(steps):
            assert (got[0][0], got[0][-1]) == (steps[0], steps[-1])
            assert _extremes(got[1]) == _extremes(values)


def _extremes(values: Floats) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    return finite.min(initial=math.inf), finite.max(initial=-math.inf)


def _rows(api: Api, run_id: str, first: int, last: int) -> Curves:
    with api.context.store.read() as session:
        run = run_queries.find_run(session, run_id)
        assert run is not None
        metrics = parse_metrics(METRICS, run.metrics)
        return read_points(session, run.pk, metrics, first, last)


def _send(api: Api, run_id: str, steps: list[int], attempt: int = 1, low: float = 0.0) -> None:
    random = np.random.default_rng(len(steps))
    for start in range(0, len(steps), 600):
        batch = steps[start : start + 600]
        masses, loss, extra, solved = (low + random.random((4, len(batch)))).round(3).tolist()
        for at in random.integers(len(batch), size=3):
            loss[at] = ODD[at % 3]
        vectors = [None if at % 5 else [extra[at]] * 9 for at in range(len(batch))]
        api.send(
            run_id,
            batch,
            attempt,
            columns={
                "loss": loss,
                "accuracy": [one % 1 for one in solved],
                "mass_success": masses,
                "mass_failure": [round(one, 1) for one in masses],
            },
            vectors={"adv_quantiles": vectors},
            extra={"x": extra},
        )


def _pk(api: Api, run_id: str) -> int:
    with api.context.store.read() as session:
        run = run_queries.find_run(session, run_id)
    assert run is not None
    return run.pk


def _blocks(api: Api, run_id: str, level: int = 1) -> list[int]:
    pk = _pk(api, run_id)
    with api.context.store.read() as session:
        found = select(levels.c.block).where(
            levels.c.run_pk == pk, levels.c.level == level, levels.c.metric == WRITTEN
        )
        return sorted(session.scalars(found))
