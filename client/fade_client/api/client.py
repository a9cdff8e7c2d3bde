"""``Client``: the whole API of one server."""

from types import TracebackType
from typing import Any

import httpx

from fade_client.api.admin import AdminCalls
from fade_client.api.alerts import AlertCalls
from fade_client.api.http import TRIES, Http
from fade_client.api.runs import RunCalls
from fade_client.api.steering import SteeringCalls
from fade_client.options import server_address, server_key


class Client(RunCalls, SteeringCalls, AlertCalls, AdminCalls):
    """Every endpoint of a server's API as a method.

    1. What the server refuses is an ``ApiError``, with the field that was wrong; a server that
       does not answer is ``ApiUnreachable``.
    2. Only a request that may be made twice is tried again: not a POST that would add something.
    3. Lists are iterators that ask for the next page when it is needed.
    4. A client may be used by several threads.

    Args:
        server: Address; None for FADEWATCH_SERVER or this machine's.
        api_key: Key; None for FADEWATCH_API_KEY or none.
        timeout_s: Longest wait for an answer, in seconds.
        tries: Most tries of a request that may be made twice.
        transport: Of httpx; for tests and unusual networks.

    Raises:
        ConfigError: The address or the key cannot be used.

    Example:
        >>> with Client("http://127.0.0.1:8765") as api:  # doctest: +SKIP
        ...     worst = next(api.runs(health="critical"), None)
    """

    def __init__(
        self,
        server: str | None = None,
        api_key: str | None = None,
        *,
        timeout_s: float = 30.0,
        tries: int = TRIES,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        address, key = server_address(server), server_key(api_key)
        # A proxy of the environment cannot reach this machine's own loopback.
        loopback = httpx.URL(address).host in ("127.0.0.1", "localhost", "::1")
        connection: dict[str, Any] = {"transport": transport, "trust_env": not loopback}
        self._http = Http(
            httpx.Client(
                base_url=address,
                headers={"Authorization": f"Bearer {key}"} if key else {},
                timeout=timeout_s,
                **connection,
            ),
            tries,
        )

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.client.close()
