"""What the server's answers mean for a second try."""

from collections.abc import Callable
from email.utils import formatdate
from time import time

import httpx
import pytest
import tenacity

from fade_client.endpoints import MAX_RETRY_AFTER_S, Api, Reply
from fade_client.errors import DeliveryError, Refused, RunUnknown, Unavailable
from fade_core.scheduler import Override

Handler = Callable[[httpx.Request], httpx.Response]


def ask(handler: Handler, tries: int = 1, pauses: list[float] | None = None) -> Reply:
    slept = [] if pauses is None else pauses
    with httpx.Client(transport=httpx.MockTransport(handler), base_url="http://fake") as client:
        api = Api(client, stop=tenacity.stop_after_attempt(tries), sleep=slept.append)
        return api.post_steps("r", b"{}")


def answers(status: int, content: bytes = b"{}", retry_after: str | None = None) -> Handler:
    headers = {"Retry-After": retry_after} if retry_after else {}
    return lambda _: httpx.Response(status, content=content, headers=headers)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, Refused),
        (409, Refused),
        (413, Refused),
        (422, Refused),
        (404, RunUnknown),
        (401, Unavailable),
        (429, Unavailable),
        (500, Unavailable),
        (302, Unavailable),
    ],
)
def test_an_answer_is_refused_unknown_or_worth_another_try(
    status: int, error: type[DeliveryError]
) -> None:
    with pytest.raises(error):
        ask(answers(status))


def test_a_page_that_is_not_ours_is_not_a_confirmation() -> None:
    with pytest.raises(Unavailable, match="the answer is not Fadewatch's"):
        ask(answers(200, b"<html>please log in</html>"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"detail": "wrong"}', "422 wrong"),
        (b'{"title": "wrong"}', "422 wrong"),
        (
            b'{"detail": "wrong", "errors": [{"field": "a", "message": "b"}, 5]}',
            "422 wrong; a: b",
        ),
        (b"[]", r"422 \[\]"),
        (b"not json", "422 not json"),
    ],
)
def test_a_refusal_says_the_servers_reason(content: bytes, reason: str) -> None:
    with pytest.raises(Refused, match=f"^{reason}$"):
        ask(answers(422, content))


@pytest.mark.parametrize(
    ("header", "low", "high"),
    [
        ("7", 7.0, 7.0),
        ("in a minute", 30.0, 60.0),
        ("a minute ago", 0.0, 1.0),
        ("99999", MAX_RETRY_AFTER_S, MAX_RETRY_AFTER_S),
        ("soon", 0.0, 1.0),
    ],
)
def test_the_wait_that_the_server_asks_for_is_kept(header: str, low: float, high: float) -> None:
    dates = {"in a minute": time() + 60.0, "a minute ago": time() - 60.0}
    if header in dates:
        header = formatdate(dates[header], usegmt=True)
    pauses: list[float] = []
    with pytest.raises(Unavailable):
        ask(answers(503, retry_after=header), tries=2, pauses=pauses)
    (pause,) = pauses
    assert low <= pause <= high


def test_waits_grow_up_to_a_cap() -> None:
    pauses: list[float] = []
    with pytest.raises(Unavailable):
        ask(answers(503), tries=20, pauses=pauses)
    assert pauses[0] < 1.0
    assert 30.0 <= max(pauses) <= 30.5


def test_an_override_is_read_from_the_answer() -> None:
    content = b'{"accepted": 1, "override": {"alpha": 2, "delta": null, "reason": "r", "by": "b"}}'
    assert ask(answers(200, content)).override == Override(2.0, None, "r", "b")
