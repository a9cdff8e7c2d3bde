"""Keys, retention, the audit trail, and the service itself."""

from collections.abc import Iterable, Iterator
from typing import Any

from fade_client.api.answers import Entry, Key, Me, Retention
from fade_client.api.calls import Calls


class AdminCalls(Calls):
    """What the people who run the service do."""

    def me(self) -> Me:
        """Return who the caller is, and what they may do."""
        return self._http.ask("GET", "/me", Me)

    def keys(self) -> list[Key]:
        """Return every key there ever was, the newest first; none with its secret."""
        return self._list("/keys", "keys", Key)

    def create_key(
        self,
        name: str,
        scopes: Iterable[str],
        *,
        project: str | None = None,
        expires_at: float | None = None,
    ) -> Key:
        """Make a key; this answer alone holds its secret, in ``key``.

        Args:
            name: Who or what it is for.
            scopes: Of ``ingest``, ``read``, ``control`` and ``admin``.
            project: The only project; None for all.
            expires_at: Seconds since the epoch; None for never.

        Raises:
            ApiError: A field is wrong.
        """
        body: dict[str, Any] = {"name": name, "scopes": list(scopes)}
        body |= {"project": project, "expires_at": expires_at}
        return self._http.ask("POST", "/keys", Key, body=body)

    def revoke_key(self, key: str) -> Key:
        """Let nobody in with a key any more.

        Args:
            key: Its public id.

        Raises:
            ApiNotFound: There is no such key.
        """
        return self._http.ask("DELETE", "/keys/{key}", Key, path={"key": key})

    def trail(self, *, page_size: int = 100) -> Iterator[Entry]:
        """Yield who changed what in the service, the newest first."""
        for page in self._pages("/audit", "entries", Entry, {"limit": page_size}):
            yield from page

    def retention(self, project: str) -> Retention:
        """Return after how long a project's data is deleted."""
        path = {"project": project}
        return self._http.ask("GET", "/projects/{project}/retention", Retention, path=path)

    def set_retention(
        self,
        project: str,
        *,
        weights_days: float | None = None,
        runs_days: float | None = None,
    ) -> Retention:
        """Delete a project's data after so many days without news.

        Args:
            project: Name of the project.
            weights_days: For raw weights; None for never.
            runs_days: For whole runs; None for never.

        Raises:
            ApiError: A number is wrong.
        """
        body = {"weights_days": weights_days, "runs_days": runs_days}
        path = {"project": project}
        return self._http.ask(
            "PUT", "/projects/{project}/retention", Retention, path=path, body=body
        )

    def clear_retention(self, project: str) -> None:
        """Delete nothing of a project by itself."""
        path = {"project": project}
        self._http.ask("DELETE", "/projects/{project}/retention", Any, path=path)

    def is_alive(self) -> bool:
        """Return whether the service's process answers.

        Raises:
            ApiUnreachable: It does not.
        """
        return self._http.request("GET", "/healthz").is_success

    def is_ready(self) -> bool:
        """Return whether the service and its database can be used.

        Raises:
            ApiError: They cannot; ``detail`` says why.
            ApiUnreachable: No process answers.
        """
        return self._http.request("GET", "/readyz").is_success

    def metrics(self) -> str:
        """Return the service's own numbers, in the text format of Prometheus."""
        return self._http.request("GET", "/metrics").text
