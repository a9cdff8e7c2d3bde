"""One request to the API: tried again where that is safe, and refused with the server's reason."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import msgspec
import tenacity

from fade_client.endpoints import retry_after_s
from fade_client.errors import ApiError, ApiNotFound, ApiUnreachable, FieldProblem

log = logging.getLogger("fade_client")

PREFIX = "/api/v1"
TRIES = 4
MAX_WAIT_S = 10.0
IDEMPOTENT = frozenset({"GET", "PUT", "DELETE"})
"""Asked twice, these do what they do once."""

_AGAIN = frozenset({429, 502, 503, 504})

T = TypeVar("T")


class _Problem(msgspec.Struct):
    detail: str = ""
    title: str = ""
    errors: list[FieldProblem] = []


class Http:
    """Requests to one server.

    Args:
        client: Where requests go; its base URL is the server's root.
        tries: Most tries of a request that may be made twice.
    """

    def __init__(self, client: httpx.Client, tries: int = TRIES) -> None:
        self.client = client
        self._retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_is_passing),
            wait=_wait_s,
            stop=tenacity.stop_after_attempt(tries),
            reraise=True,
        )

    def ask(
        self,
        method: str,
        template: str,
        kind: type[T],
        *,
        path: Mapping[str, str | int] | None = None,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        again: bool = False,
        timeout_s: float | None = None,
    ) -> T:
        """Ask, and return the answer as what it should be.

        Args:
            method: HTTP method.
            template: Path as the API's documentation writes it, below ``/api/v1``.
            kind: Type of the answer.
            path: Values of the names in the template.
            query: Parameters; those that are None are left out.
            body: Sent as JSON; None for none.
            again: Whether a POST or PATCH does the same when it is made twice.
            timeout_s: Longest wait for the answer, where it is made to wait.

        Raises:
            ApiError: The server refused.
            ApiUnreachable: No answer came, or none of this API.
        """
        content = None if body is None else msgspec.json.encode(body)
        headers = {} if content is None else {"Content-Type": "application/json"}
        extra: dict[str, Any] = {} if timeout_s is None else {"timeout": timeout_s}
        response = self.request(
            method, PREFIX + template, path=path, query=query, content=content, headers=headers,
            again=again, **extra,
        )  # fmt: skip
        return decode(response.content, kind)

    def request(
        self,
        method: str,
        template: str,
        *,
        path: Mapping[str, str | int] | None = None,
        query: Mapping[str, Any] | None = None,
        again: bool = False,
        **arguments: Any,
    ) -> httpx.Response:
        """Ask, and return a good answer as it came; as ``ask``, of the server's root."""
        url, params = _place(template, path), _given(query)

        def once() -> httpx.Response:
            try:
                response = self.client.request(method, url, params=params, **arguments)
            except httpx.TransportError as error:
                raise _unreachable(self.client, error) from error
            _refuse(response)
            return response

        return self._retrying(once) if again or method in IDEMPOTENT else once()

    @contextmanager
    def stream(
        self,
        template: str,
        *,
        path: Mapping[str, str | int] | None = None,
        query: Mapping[str, Any] | None = None,
        **arguments: Any,
    ) -> Iterator[httpx.Response]:
        """Open an answer that is read while it comes; not tried again."""
        url, params = PREFIX + _place(template, path), _given(query)
        try:
            with self.client.stream("GET", url, params=params, **arguments) as response:
                if not response.is_success:
                    response.read()
                    _refuse(response)
                yield response
        except httpx.TransportError as error:
            raise _unreachable(self.client, error) from error


def decode(content: bytes, kind: type[T]) -> T:
    """Return an answer as what it should be.

    Numbers that strict JSON cannot carry come as texts; what this version does not know is left.

    Raises:
        ApiUnreachable: It is something else.
    """
    try:
        return msgspec.json.decode(content or b"null", type=kind, strict=False)
    except msgspec.DecodeError as error:
        raise ApiUnreachable(f"the answer is not Fadewatch's: {error}") from error


def _place(template: str, path: Mapping[str, str | int] | None) -> str:
    values = {name: quote(str(value), safe="") for name, value in (path or {}).items()}
    return template.format(**values)


def _given(query: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (query or {}).items() if value is not None}


def _unreachable(client: httpx.Client, error: httpx.TransportError) -> ApiUnreachable:
    what = f"{type(error).__name__}: {error}".rstrip(": ")
    return ApiUnreachable(
        f"no answer from {client.base_url} ({what}); start the service with `fadewatch server`, "
        "or name another one with FADEWATCH_SERVER"
    )


def _refuse(response: httpx.Response) -> None:
    if response.is_success or response.status_code == httpx.codes.NOT_MODIFIED:
        return
    try:
        problem = msgspec.json.decode(response.content, type=_Problem)
    except msgspec.DecodeError:
        problem = _Problem(detail=response.text[:500])
    status = response.status_code
    kind = ApiNotFound if status == httpx.codes.NOT_FOUND else ApiError
    error = kind(status, problem.detail or problem.title, problem.errors)
    error.retry_after_s = retry_after_s(response.headers.get("Retry-After", ""))
    raise error


def _is_passing(error: BaseException) -> bool:
    again = isinstance(error, ApiError) and error.status in _AGAIN
    return again or isinstance(error, ApiUnreachable)


_backoff = tenacity.wait_random_exponential(multiplier=0.1, max=MAX_WAIT_S)


def _wait_s(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return max(_backoff(state), min(getattr(error, "retry_after_s", 0.0), MAX_WAIT_S))
