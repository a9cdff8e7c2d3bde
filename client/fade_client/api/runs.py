"""Runs: lists, curves, raw weights, files, events, and what their advantage functions are."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from fade_client.api import events
from fade_client.api.answers import Accepted, Imported, Opened, Project, Run, RunAudit, WhatIf
from fade_client.api.calls import Calls
from fade_client.api.events import Event

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fade_client.api.series import Curve

FileForm = Literal["csv", "jsonl", "parquet"]

METRICS = 64
"""Metrics that the server answers at once."""

LISTEN_S = 60.0
"""Silence after which a stream is taken for broken; the server says something every 15 s."""

LONG_S = 600.0
"""Longest wait for a whole log to be read."""


class RunCalls(Calls):
    """Runs and what was recorded of them."""

    def runs(
        self,
        *,
        project: str | None = None,
        status: str | None = None,
        tag: str | None = None,
        group: str | None = None,
        health: str | None = None,
        search: str | None = None,
        sort: str | None = None,
        order: str | None = None,
        page_size: int = 100,
    ) -> Iterator[Run]:
        """Yield runs, the one with the newest activity first, page by page.

        Args:
            project: Only this project.
            status: ``running``, ``finished``, ``failed`` or ``stale``.
            tag: Only with this tag.
            group: Only of this group.
            health: ``unknown``, ``healthy``, ``warning`` or ``critical``.
            search: Part of the id, the name, the group or a tag.
            sort: ``updated``, ``created``, ``name``, ``step`` or ``accuracy``.
            order: ``asc`` or ``desc``.
            page_size: Runs of one request, up to 500.

        Raises:
            ApiError: Something cannot be asked for.
        """
        query = {
            "project": project, "status": status, "tag": tag, "group": group, "health": health,
            "q": search, "sort": sort, "order": order, "limit": page_size,
        }  # fmt: skip
        for page in self._pages("/runs", "runs", Run, query):
            yield from page

    def projects(self) -> list[Project]:
        """Return the projects, with the number of their runs and open alerts."""
        return self._list("/projects", "projects", Project)

    def run(self, run: str) -> Run:
        """Return one run.

        Raises:
            ApiNotFound: There is no such run.
        """
        return self._http.ask("GET", "/runs/{run}", Run, path={"run": run})

    def change_run(self, run: str, **changed: Any) -> Run:
        """Change what people call a run, and return it.

        Args:
            run: Its id.
            **changed: New ``name``, ``tags`` or ``group``; what is left out stays.

        Raises:
            ApiError: A name is wrong, or there is no such run.
        """
        path = {"run": run}
        return self._http.ask("PATCH", "/runs/{run}", Run, path=path, body=changed, again=True)

    def delete_run(self, run: str) -> None:
        """Delete a run with everything that was recorded of it; there is no way back.

        Raises:
            ApiNotFound: There is no such run.
        """
        self._http.ask("DELETE", "/runs/{run}", type(None), path={"run": run})

    def series(
        self,
        run: str,
        *metrics: str,
        first: int | None = None,
        last: int | None = None,
        points: int = 1500,
    ) -> "dict[str, Curve]":
        """Return metrics over steps as numpy arrays.

        Args:
            run: The run's id.
            *metrics: Names such as ``accuracy``, ``mass_by_difficulty/3``, ``pass_at_k/16``,
                ``extra/mine`` or ``schedule/alpha``; ``Run.metrics`` lists those with data.
            first: First step.
            last: Last step, inclusive.
            points: Most points a metric; of more, the ends and the extremes are kept.

        Returns:
            Curves by metric, in the order asked for.

        Raises:
            ApiError: A metric does not exist, or the run does not.
        """
        from fade_client.api.series import read_binary  # noqa: PLC0415  numpy is slow to load

        curves: dict[str, Curve] = {}
        for start in range(0, len(metrics), METRICS):
            some = ",".join(metrics[start : start + METRICS])
            answer = self._http.request(
                "GET", "/api/v1/runs/{run}/series.bin", path={"run": run},
                query={"metrics": some, "from": first, "to": last, "points": points},
            )  # fmt: skip
            curves |= read_binary(answer.content)
        return curves

    def weights(self, run: str, step: int) -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
        """Return the raw rewards and advantages of one step, each ``[P, G]``.

        Raises:
            ApiNotFound: No raw weights of this step were sent.
        """
        import numpy as np  # noqa: PLC0415  slow to load

        path: dict[str, str | int] = {"run": run, "step": step}
        found = self._http.ask("GET", "/runs/{run}/weights/{step}", _Weights, path=path)
        return np.array(found.rewards), np.array(found.advantages)

    def what_if(
        self,
        run: str,
        *methods: str,
        first: int | None = None,
        last: int | None = None,
        limit: int | None = None,
    ) -> WhatIf:
        """Return the gradient masses that other advantage functions would have given.

        Args:
            run: The run's id; its raw weights must have been sent.
            *methods: Such as ``grpo`` or ``power:alpha=2``; a usual few when there are none.
            first: First step.
            last: Last step.
            limit: Most steps; of more, evenly spaced ones.

        Raises:
            ApiError: A method does not exist, or the run does not.
        """
        query = {
            "advantage": ",".join(methods) or None, "from": first, "to": last, "limit": limit
        }  # fmt: skip
        return self._http.ask("GET", "/runs/{run}/whatif", WhatIf, path={"run": run}, query=query)

    def audit(self, run: str) -> RunAudit:
        """Return what a run's KL penalty and its advantage function really are.

        Raises:
            ApiNotFound: There is no such run.
        """
        return self._http.ask("GET", "/runs/{run}/audit", RunAudit, path={"run": run})

    def export(
        self,
        run: str,
        target: str | os.PathLike[str],
        *,
        format: FileForm | None = None,
        weights: bool = False,
    ) -> Path:
        """Write every step of a run to a file, and return where it is.

        Args:
            run: The run's id.
            target: The file; it is there only once it is whole.
            format: ``csv``, ``jsonl`` or ``parquet``; None for the file's ending.
            weights: With raw rewards and advantages; jsonl only.

        Raises:
            ApiError: The run does not exist, or the format cannot be written.
            ApiUnreachable: The answer broke off.
        """
        path = Path(target)
        query = {
            "format": format or path.suffix.removeprefix(".") or "csv",
            "weights": "true" if weights else None,
        }
        draft = path.with_name(path.name + ".part")
        try:
            with (
                self._http.stream("/runs/{run}/export", path={"run": run}, query=query) as answer,
                draft.open("wb") as file,
            ):
                for piece in answer.iter_bytes():
                    file.write(piece)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        return path

    def import_file(
        self,
        source: str | os.PathLike[str],
        *,
        project: str | None = None,
        run_id: str | None = None,
        format: str | None = None,
    ) -> list[Imported]:
        """Store the runs of a log of another tool; the same log again changes nothing.

        Args:
            source: The file.
            project: Where its runs go; None for ``imported``.
            run_id: Id of its only run; None for one made from the content.
            format: Id of the log format; None to tell it by the content.

        Returns:
            The runs, with what their keys were taken for and what was left out.

        Raises:
            ApiError: The log cannot be read; nothing of it is stored.
            OSError: The file cannot be read.
        """
        path = Path(source)
        answer = self._http.request(
            "POST", "/api/v1/runs/import", content=path.read_bytes(), again=True, timeout=LONG_S,
            query={
                "filename": path.name, "project": project, "run_id": run_id, "format": format
            },
            headers={"Content-Type": "application/octet-stream"},
        )  # fmt: skip
        return msgspec.json.decode(answer.content, type=_ImportedRuns, strict=False).runs

    def events(
        self,
        run: str | None = None,
        *,
        project: str | None = None,
        last_id: str = "",
        pause: Callable[[float], None] = time.sleep,
    ) -> Iterator[Event]:
        """Yield what happens to a run, or to every run, for as long as it is read.

        A connection that ends is opened again where it left off.

        Args:
            run: The run's id; None for every run.
            project: Of every run, only those of this project.
            last_id: ``id`` of the last event that was seen; empty to begin now.
            pause: Waits that many seconds before connecting again.

        Raises:
            ApiNotFound: The run does not exist, or was deleted.
            ApiError: The server refuses to be listened to.
        """
        template = "/events" if run is None else "/runs/{run}/events"

        def open_stream(last_id: str) -> Any:
            return self._http.stream(
                template, path={"run": run or ""}, query={"project": project},
                headers={"Last-Event-ID": last_id}, timeout=LISTEN_S,
            )  # fmt: skip

        return events.follow(open_stream, last_id, pause)

    def open_run(self, project: str, run_id: str, attempt_key: str, **fields: Any) -> Opened:
        """Create a run, or resume it as a new attempt; the same again changes nothing.

        Args:
            project: Name of the project.
            run_id: The run.
            attempt_key: The attempt; the same key again is the same attempt.
            **fields: ``name``, ``mode``, ``config``, ``tags``, ``group``, ``scheduler``.

        Raises:
            ApiError: A field is wrong, or the run is in another project.
        """
        body = {"run_id": run_id, "attempt_key": attempt_key} | fields
        path = {"project": project}
        return self._http.ask(
            "POST", "/projects/{project}/runs", Opened, path=path, body=body, again=True
        )

    def add_steps(self, run: str, attempt: int, steps: Iterable[int], **parts: Any) -> Accepted:
        """Store a columnar batch; steps that are there already are duplicates.

        For a trainer, ``fade_client.init`` is the way: it never blocks and loses nothing.

        Args:
            run: The run's id.
            attempt: Ordinal, as ``open_run`` gave it.
            steps: Increasing.
            **parts: ``columns``, ``vectors``, ``pass_at_k``, ``extra``, ``times``, ``weights``.

        Raises:
            ApiError: A field is wrong; nothing of the batch is stored.
        """
        body = {"attempt": attempt, "steps": list(steps)} | parts
        path = {"run": run}
        return self._http.ask(
            "POST", "/runs/{run}/steps", Accepted, path=path, body=body, again=True
        )

    def finish_run(
        self, run: str, attempt: int, status: Literal["finished", "failed"] = "finished"
    ) -> Run:
        """Say how an attempt ended, and return the run.

        Raises:
            ApiError: There is no such run or attempt.
        """
        body, path = {"attempt": attempt, "status": status}, {"run": run}
        return self._http.ask("POST", "/runs/{run}/finish", Run, path=path, body=body, again=True)


class _Weights(msgspec.Struct):
    rewards: list[list[float]]
    advantages: list[list[float]]


class _ImportedRuns(msgspec.Struct):
    runs: list[Imported]
