"""What a project keeps for how long, and the deletion of what is older."""

import base64
from collections.abc import Iterator

import pytest
from sqlalchemy import func, select

from fade_server.main import create_app, upgrade_database
from fade_server.queries.retention import Policy
from fade_server.services.retention import DAY_S, Pruned, prune, prune_by_policy
from fade_server.settings import Settings
from fade_server.tables import attempts, metadata, runs
from tests.conftest import wait_until
from tests.integration.server.api import Api, serve
from tests.integration.server.checks import problem
from tests.integration.server.conftest import Clock, MakeDatabase


@pytest.fixture
def own(make_database: MakeDatabase, clock: Clock) -> Iterator[Api]:
    url = make_database()
    upgrade_database(url)
    with serve(create_app(Settings(database_url=url, prune_every_s=0.2), clock=clock)) as api:
        yield api


def test_a_policy_is_set_read_and_removed(api: Api) -> None:
    path = "/projects/kept/retention"
    nothing = {"project": "kept", "weights_days": None, "runs_days": None}
    assert api.get(path).json() == nothing
    set_to = api.request("PUT", path, json={"weights_days": 30})
    assert set_to.json() == nothing | {"weights_days": 30.0} == api.get(path).json()
    assert api.request("PUT", path, json={"runs_days": 1.5}).json()["weights_days"] is None
    assert api.request("DELETE", path).json() == nothing == api.get(path).json()
    for wrong in ({"runs_days": 0}, {"runs_days": "NaN"}, {"weights_days": 1e9}, {"days": 3}):
        assert problem(api.request("PUT", path, json=wrong), 422)["errors"]


def test_old_weights_go_and_the_run_stays(own: Api, clock: Clock) -> None:
    _fill(own, "old", 2500)
    clock.now += 31 * DAY_S
    _fill(own, "new", 3)
    policy = Policy(weights_days=30.0, runs_days=None)
    would = list(prune(own.context, "p", policy, by="me", dry_run=True))
    assert would == [Pruned("p", "old", "weights")]
    assert own.get("/runs/old/weights/3").status_code == 200
    assert list(prune(own.context, "p", policy, by="me")) == would
    assert own.get("/runs/old/weights/3").status_code == 404
    assert own.get("/runs/new/weights/2").status_code == 200
    assert own.run("old")["step_count"] == 2500
    assert len(own.series("old", "loss", points=10_000)["loss"]["step"]) == 2500
    assert list(prune(own.context, "p", policy, by="me")) == []


def test_an_old_run_goes_with_everything_that_belongs_to_it(own: Api, clock: Clock) -> None:
    _fill(own, "gone", 4500, every=90)
    assert own.context.background.wait_idle(60)
    assert _rows(own, "gone")["levels"] > 0
    clock.now += 10 * DAY_S
    _fill(own, "kept", 10)
    assert own.context.background.wait_idle(60)
    before = _rows(own, "kept")
    policy = Policy(weights_days=None, runs_days=9.0)
    assert list(prune(own.context, "p", policy, by="me")) == [Pruned("p", "gone", "run")]
    assert own.get("/runs/gone").status_code == 404
    assert _rows(own) == before == _rows(own, "kept")
    assert own.run("kept")["step_count"] == 10


def test_a_server_prunes_by_itself_what_a_policy_says(own: Api, clock: Clock) -> None:
    _fill(own, "old", 5)
    own.request("PUT", "/projects/p/retention", json={"runs_days": 7})
    assert prune_by_policy(own.context) == []
    clock.now += 8 * DAY_S
    wait_until(lambda: own.get("/runs/old").status_code == 404, "the run to be deleted")


def _fill(api: Api, run: str, steps: int, every: int = 1) -> None:
    api.open_run(run)
    blob = base64.b64encode(bytes(8)).decode()
    for start in range(0, steps, 900):
        batch = list(range(start, min(start + 900, steps), every))
        weights = [
            {"step": step, "prompts": 1, "group_size": 2, "rewards": blob, "advantages": blob}
            for step in batch
        ]
        api.send(run, batch, columns={"loss": [1.0] * len(batch)}, weights=weights)


def _rows(api: Api, run: str | None = None) -> dict[str, int]:
    """Return how many rows belong to a run, or to any, by table."""
    with api.context.store.read() as session:
        found = {}
        for table in metadata.sorted_tables:
            if "run_pk" in table.c and table is not attempts:
                statement = select(func.count()).select_from(table)
                if run is not None:
                    pk = select(runs.c.pk).where(runs.c.id == run).scalar_subquery()
                    statement = statement.where(table.c.run_pk == pk)
                found[table.name] = session.scalar(statement) or 0
        return found
