"""The schedule of a run: what is in force, and taking the wheel."""

from collections.abc import Iterator
from typing import Literal

from fade_client.api.answers import Change, Live, Preview, Schedule
from fade_client.api.calls import Calls

MARGIN_S = 10.0
"""How much longer than the server a long poll waits."""


class SteeringCalls(Calls):
    """Schedules and overrides."""

    def schedule(
        self,
        run: str,
        *,
        after: int | None = None,
        override_after: int | None = None,
        alerts_after: int | None = None,
        wait_s: float = 0.0,
    ) -> Live:
        """Return the schedule in force; with ``after``, as soon as it is newer.

        Args:
            run: The run's id.
            after: ``schedule.version`` that the caller has.
            override_after: ``override_version`` that the caller has.
            alerts_after: ``alert_version`` that the caller has.
            wait_s: Longest wait for something newer, up to 30 seconds.

        Raises:
            ApiError: There is no such run.
        """
        query = {
            "after": after, "override_after": override_after, "alerts_after": alerts_after,
            "wait": wait_s,
        }  # fmt: skip
        return self._http.ask(
            "GET", "/runs/{run}/schedule", Live, path={"run": run}, query=query,
            timeout_s=wait_s + MARGIN_S,
        )  # fmt: skip

    def pin(
        self,
        run: str,
        *,
        reason: str,
        alpha: float | None = None,
        delta: float | None = None,
        duration_s: float | None = None,
        expires_at: float | None = None,
        revert_on: Literal["warning", "critical"] | None = None,
    ) -> Live:
        """Take the wheel: pin alpha, delta or both.

        Args:
            run: The run's id.
            reason: Why; the trail keeps it.
            alpha: Difficulty focus, or None to leave it to the scheduler.
            delta: Sign balance, or None.
            duration_s: Ends by itself after so many seconds.
            expires_at: Or at this time, seconds since the epoch.
            revert_on: Ends by itself when the run's health worsens to this.

        Returns:
            What is in force now.

        Raises:
            ApiError: A value is outside the guard rails; ``problems`` says which.
        """
        optional = {
            "alpha": alpha, "delta": delta, "duration_s": duration_s, "expires_at": expires_at,
            "revert_on": revert_on,
        }  # fmt: skip
        given = {name: value for name, value in optional.items() if value is not None}
        return self._http.ask(
            "PUT", "/runs/{run}/schedule/override", Live, path={"run": run},
            body={"reason": reason} | given,
        )  # fmt: skip

    def release(self, run: str) -> Live:
        """Let go of what is pinned, and return what is in force now.

        Raises:
            ApiNotFound: There is no such run.
        """
        return self._http.ask("DELETE", "/runs/{run}/schedule/override", Live, path={"run": run})

    def history(
        self,
        run: str,
        *,
        first: int | None = None,
        last: int | None = None,
        page_size: int = 1000,
    ) -> Iterator[Schedule]:
        """Yield what was computed, pinned and released, the newest first.

        Args:
            run: The run's id.
            first: Smallest step that a schedule is for.
            last: Largest.
            page_size: Schedules of one request.

        Raises:
            ApiNotFound: There is no such run.
        """
        query = {"from": first, "to": last, "limit": page_size}
        path = {"run": run}
        for page in self._pages("/runs/{run}/schedule/history", "schedules", Schedule, query, path):
            yield from reversed(page)

    def changes(self, run: str, *, page_size: int = 100) -> Iterator[Change]:
        """Yield who pinned and released what, and what the trainer confirmed, the newest first.

        Raises:
            ApiNotFound: There is no such run.
        """
        query, path = {"limit": page_size}, {"run": run}
        for page in self._pages("/runs/{run}/schedule/changes", "changes", Change, query, path):
            yield from page

    def preview(
        self, run: str, *, alpha: float | None = None, delta: float | None = None
    ) -> Preview:
        """Return what a pair would have made of the newest batches; changes nothing.

        Args:
            run: The run's id.
            alpha: Difficulty focus; None for the one in force.
            delta: Sign balance; None for the one in force.

        Raises:
            ApiError: A value is out of range, or no raw weights were sent.
        """
        pair = {"alpha": alpha, "delta": delta}
        body = {name: value for name, value in pair.items() if value is not None}
        path = {"run": run}
        return self._http.ask(
            "POST", "/runs/{run}/preview", Preview, path=path, body=body, again=True
        )
