"""Several clients at once: nothing is lost, and nothing is stored twice."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from fade_core import scheduler
from fade_server.services.batch import StepBatch
from fade_server.services.codec import schedule_document
from fade_server.services.ingest import ingest
from fade_server.services.runs import RunRequest, open_run
from tests.integration.server.api import Api

WORKERS = 4
T = TypeVar("T")


def test_batches_of_one_run_sent_at_once_are_stored_once_each(api: Api) -> None:
    api.open_run("race")
    barrier = Barrier(WORKERS)

    def send(worker: int) -> int:
        barrier.wait(timeout=30)
        accepted = 0
        for step in range(worker % 2, 60, 2):
            batch = StepBatch(1, [step], [None], {"accuracy": [step / 100]})
            accepted += ingest(api.context, "race", batch).accepted
        return accepted

    assert sum(_together(send)) == 60
    run = api.run("race")
    assert (run["step_count"], run["last_step"]) == (60, 59)
    curve = api.series("race", "accuracy")["accuracy"]
    assert curve == {"step": list(range(60)), "value": [step / 100 for step in range(60)]}
    assert run["schedule"]["version"] == 60


def test_the_schedule_after_a_race_is_a_replay_of_the_order_it_had(api: Api) -> None:
    api.open_run("order")
    barrier = Barrier(WORKERS)

    def send(worker: int) -> None:
        barrier.wait(timeout=30)
        for step in range(worker * 10, worker * 10 + 10):
            ingest(api.context, "order", StepBatch(1, [step], [None], {"accuracy": [step / 100]}))

    _together(send)
    run = api.run("order")
    trail = api.get("/runs/order/schedule/history").json()["schedules"]
    order = [one["step"] - 1 for one in sorted(trail, key=lambda one: one["version"])][1:]
    assert sorted(order) == list(range(40))
    wanted = scheduler.replay([(step, step / 100, float("nan")) for step in order])
    assert run["schedule"] == schedule_document(wanted[-1])


def test_a_run_that_is_created_at_once_is_created_once(api: Api) -> None:
    barrier = Barrier(WORKERS)

    def create(worker: int) -> tuple[bool, int]:
        request = RunRequest("p", "born", f"k{worker % 2}", "n", "observe", tags=["t"])
        barrier.wait(timeout=30)
        opened = open_run(api.context, request)
        return opened.created, opened.attempt

    opened = _together(create)
    assert sum(created for created, _ in opened) == 1
    assert sorted(attempt for _, attempt in opened) == [1, 1, 2, 2]


def _together(work: Callable[[int], T]) -> list[T]:
    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(work, range(WORKERS)))
