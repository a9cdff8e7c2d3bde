"""What all groups of calls share: the connection, and turning the pages of a list."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from fade_client.api.http import Http

T = TypeVar("T")


class Calls:
    """Base of the groups of calls that ``Client`` is put together from."""

    _http: Http

    def _pages(
        self,
        template: str,
        field: str,
        kind: type[T],
        query: Mapping[str, Any],
        path: Mapping[str, str | int] | None = None,
    ) -> Iterator[list[T]]:
        """Yield a list page by page, each asked for when it is needed.

        Args:
            template: Path of the list.
            field: Where the entries are in the answer.
            kind: Type of an entry.
            query: What to narrow to.
            path: Values of the names in the template.
        """
        cursor: str | None = None
        while True:
            page = self._http.ask(
                "GET",
                template,
                dict[str, msgspec.Raw],
                path=path,
                query={**query, "cursor": cursor},
            )
            yield _part(page, field, list[kind])  # type: ignore[valid-type]
            cursor = _part(page, "next_cursor", str | None)  # type: ignore[arg-type]
            if cursor is None:
                return

    def _list(self, template: str, field: str, kind: type[T], **query: Any) -> list[T]:
        """Return a list that comes in one piece."""
        page = self._http.ask("GET", template, dict[str, msgspec.Raw], query=query)
        return _part(page, field, list[kind])  # type: ignore[valid-type]


def _part(page: Mapping[str, msgspec.Raw], field: str, kind: type[T]) -> T:
    return msgspec.json.decode(page.get(field, msgspec.Raw(b"null")), type=kind, strict=False)
