import asyncio

import httpx
import pytest

from fade_dashboard.api import ApiUnreachable, Run, RunNotFound
from tests.unit.dashboard.api_fixtures import api_with, over, run_body


def test_a_run_is_read_with_what_the_figures_need() -> None:
    body = run_body("a", ["entropy"], scheduler={"alpha_max": 4.0})
    run = asyncio.run(api_with(body).get_run("a"))
    assert run == Run("a", "a", frozenset({"entropy"}), h_star=0.62, alpha_max=4.0)


@pytest.mark.parametrize("schedule", [None, {"h_star": "NaN"}, {}])
def test_a_target_that_is_not_known_yet_is_none(schedule: object) -> None:
    run = asyncio.run(api_with(run_body("a", [], schedule=schedule)).get_run("a"))
    assert run.h_star is None


def test_an_unknown_run_is_said_to_be_unknown() -> None:
    with pytest.raises(RunNotFound, match="'b'"):
        asyncio.run(api_with(run_body("a", [])).get_run("b"))


def test_an_id_cannot_leave_its_place_in_the_path() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.raw_path.decode())
        return httpx.Response(404)

    with pytest.raises(RunNotFound):
        asyncio.run(over(answer).get_run("../../x?y#z"))
    assert asked == ["/api/v1/runs/..%2F..%2Fx%3Fy%23z"]


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(503),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json={"id": "a"}),
        httpx.Response(200, json=["a"]),
    ],
)
def test_anything_but_a_run_is_an_unreachable_api(response: httpx.Response) -> None:
    with pytest.raises(ApiUnreachable, match="/api/v1/runs/a"):
        asyncio.run(over(lambda _: response).get_run("a"))


def test_no_connection_is_an_unreachable_api() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(ApiUnreachable, match="refused"):
        asyncio.run(over(refuse).get_run("a"))
