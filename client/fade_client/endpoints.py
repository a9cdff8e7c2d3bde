"""The requests that the client makes, and what their answers mean for a second try."""

import gzip
import logging
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from time import time
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import tenacity

from fade_client.alerts import Alert
from fade_client.errors import Refused, RunUnknown, Unavailable
from fade_client.frames import Header
from fade_client.wire import registration_body
from fade_core.scheduler import Override

log = logging.getLogger("fade_client")

REQUEST_TIMEOUT_S = 10.0
LONG_TIMEOUT_S = 40.0
"""For an answer that is made to wait."""

MAX_WAIT_S = 30.0
MAX_RETRY_AFTER_S = 300.0
GZIP_FROM = 1024
"""Bodies of more bytes than this are compressed."""

NEVER = 2**53 - 1
"""A schedule's version that no run reaches."""

_FOR_GOOD = frozenset({400, 409, 413, 422})


class ServerSchedule(msgspec.Struct, frozen=True):
    """Of the server's schedule, what does not depend on what is pinned.

    Attributes:
        version: Records that it was computed from.
        step: The rollout batch that it is for.
        p_hat: Average solve rate; a number, or the text of one that is not finite.
        h_hat: Average entropy, likewise.
        h_star: Entropy target, likewise.
    """

    version: int = -1
    step: int = -1
    p_hat: float | str = "NaN"
    h_hat: float | str = "NaN"
    h_star: float | str = "NaN"


class Reply(msgspec.Struct, frozen=True):
    """What the client reads of the server's answers; the rest is left alone.

    Attributes:
        attempt: Ordinal of the attempt, where the attempt was registered.
        override: What a person pinned, or None.
        override_version: Grows with every pin and release; 0 before the first.
        schedule: What the server computed, with what is pinned; None where it is not said.
        alert_version: Grows with every change of the run's alerts; -1 where it is not said.
        alerts: Those that are not resolved, and others.
        created: The server had not known the run before.
    """

    attempt: int = 0
    override: Override | None = None
    override_version: int = 0
    schedule: ServerSchedule | None = None
    alert_version: int = -1
    alerts: tuple[Alert, ...] = ()
    created: bool = False


def connect(
    server: str, api_key: str | None, read_timeout_s: float = REQUEST_TIMEOUT_S
) -> httpx.Client:
    """Return a client for this server.

    Args:
        server: Its address, without a path.
        api_key: Sent as a bearer token, or None.
        read_timeout_s: Longest wait for an answer.
    """
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    # A proxy of the environment cannot reach this machine's own loopback.
    loopback = httpx.URL(server).host in ("127.0.0.1", "localhost", "::1")
    return httpx.Client(
        base_url=f"{server}/api/v1",
        headers=headers,
        timeout=httpx.Timeout(REQUEST_TIMEOUT_S, read=read_timeout_s),
        trust_env=not loopback,
    )


def spare_request_log(thread_name: str) -> None:
    """Keep the requests of this thread out of httpx's log: noise in a trainer's own.

    Args:
        thread_name: The present thread's; a second call for it changes nothing.
    """
    httpx_log = logging.getLogger("httpx")
    if not any(getattr(one, "thread_name", "") == thread_name for one in httpx_log.filters):
        httpx_log.addFilter(_Foreign(thread_name))


class _Foreign(logging.Filter):
    def __init__(self, thread_name: str) -> None:
        super().__init__()
        self.thread_name = thread_name

    def filter(self, record: logging.LogRecord) -> bool:
        return record.threadName != self.thread_name


class Api:
    """The server's endpoints, tried again until an answer is of use.

    Args:
        client: Where requests go; the caller closes it.
        stop: tenacity's question whether to give up after a failed try.
        sleep: Waits that many seconds, or less when the run ends.
        quiet: Leave it to somebody else to say that the server is away.
    """

    def __init__(
        self,
        client: httpx.Client,
        *,
        stop: Callable[[tenacity.RetryCallState], bool],
        sleep: Callable[[float], None],
        quiet: bool = False,
    ) -> None:
        self._client = client
        self._away, self._quiet = False, quiet
        self._retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Unavailable),
            wait=_wait_s,
            stop=stop,
            sleep=sleep,
            before_sleep=self._say_away,
            reraise=True,
        )

    def register(self, header: Header) -> Reply:
        """Make the run and the attempt known to the server; repeating it changes nothing.

        Raises:
            Refused: The server will not have this run.
            Unavailable: No answer came before it was time to stop.
        """
        path = f"/projects/{quote(header.project, safe='')}/runs"
        return self._retrying(self._ask, "POST", path, registration_body(header))

    def post_steps(self, run_id: str, body: bytes) -> Reply:
        """Deliver one batch.

        Raises:
            Refused: The server will never take this body.
            RunUnknown: It does not know the run or the attempt.
            Unavailable: No answer came before it was time to stop.
        """
        return self._retrying(self._ask, "POST", f"/runs/{run_id}/steps", body)

    def finish(self, run_id: str, attempt: int, status: str) -> None:
        """Say how the attempt ended.

        Raises:
            Refused, RunUnknown, Unavailable: As ``post_steps``.
        """
        body = msgspec.json.encode({"attempt": attempt, "status": status})
        self._retrying(self._ask, "POST", f"/runs/{run_id}/finish", body)

    def wait_for_change(self, run_id: str, known: Reply | None, wait_s: float) -> Reply:
        """Return what is pinned and what is alerted, once it changes or after ``wait_s`` seconds.

        Args:
            run_id: The run.
            known: The answer before; None to be answered at once.
            wait_s: Longest wait, in seconds.

        Raises:
            Refused, RunUnknown, Unavailable: As ``post_steps``.
        """
        path = f"/runs/{run_id}/schedule"
        if known is not None:
            # No schedule is newer than this, so that only a change of these two ends the wait.
            path += f"?after={NEVER}&override_after={known.override_version}&wait={wait_s:g}"
            # A server that does not say its alerts' version may not know the parameter.
            path += f"&alerts_after={known.alert_version}" if known.alert_version >= 0 else ""
        return self._retrying(self._ask, "GET", path, b"")

    def _ask(self, method: str, path: str, body: bytes) -> Reply:
        headers = {"Content-Type": "application/json"} if body else {}
        if len(body) > GZIP_FROM:
            body = gzip.compress(body, compresslevel=1)
            headers["Content-Encoding"] = "gzip"
        try:
            response = self._client.request(method, path, content=body or None, headers=headers)
        except (httpx.HTTPError, OSError) as error:
            raise Unavailable(f"{type(error).__name__}: {error}") from error
        reply = _read(response)
        self._say_back()
        return reply

    def _say_away(self, state: tenacity.RetryCallState) -> None:
        if not self._away and not self._quiet:
            why = state.outcome.exception() if state.outcome else None
            log.warning(
                "the server at %s does not take records (%s); they stay in the spool and are "
                "sent as soon as it does", self._client.base_url, why
            )  # fmt: skip
        self._away = True

    def _say_back(self) -> None:
        if self._away and not self._quiet:
            log.warning("the server at %s takes records again", self._client.base_url)
        self._away = False


def _read(response: httpx.Response) -> Reply:
    if response.is_success:
        try:
            reply = msgspec.json.decode(response.content, type=Reply)
        except msgspec.DecodeError as error:
            raise Unavailable(f"the answer is not Fadewatch's: {error}") from error
        return msgspec.structs.replace(reply, created=response.status_code == 201)
    reason = f"{response.status_code} {_detail(response)}"
    if response.status_code in _FOR_GOOD:
        raise Refused(reason)
    if response.status_code == 404:
        raise RunUnknown(reason)
    # A wrong key or a wrong address is put right by a person; the records can wait for that.
    away = Unavailable(reason)
    away.retry_after_s = retry_after_s(response.headers.get("Retry-After", ""))
    raise away


def _detail(response: httpx.Response) -> str:
    try:
        problem: Any = msgspec.json.decode(response.content)
    except msgspec.DecodeError:
        return response.text[:500]
    if not isinstance(problem, dict):
        return response.text[:500]
    parts = [str(problem.get("detail") or problem.get("title") or "")]
    for error in problem.get("errors") or []:
        parts.append(
            f"{error.get('field')}: {error.get('message')}" if isinstance(error, dict) else ""
        )
    return "; ".join(filter(None, parts))[:2000]


def retry_after_s(value: str) -> float:
    """Return how long a ``Retry-After`` asks to wait, in seconds; 0 where it is none."""
    if value.isdigit():
        seconds = float(value)
    else:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time()
        except ValueError:
            return 0.0
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_S)


_backoff = tenacity.wait_exponential(multiplier=0.25, max=MAX_WAIT_S)
_jitter = tenacity.wait_random(0.0, 0.5)


def _wait_s(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return max(_backoff(state) + _jitter(state), getattr(error, "retry_after_s", 0.0))
