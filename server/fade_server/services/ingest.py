"""A checked batch into the store, and the scheduler with it, in one transaction."""

import time
from dataclasses import dataclass, fields, replace
from typing import Any

from sqlalchemy.orm import Session

from fade_core import scheduler
from fade_core.records import SCALARS
from fade_core.scheduler import Schedule
from fade_server.errors import NotFoundError, refuse
from fade_server.queries import runs as run_queries
from fade_server.queries import schedules as schedule_queries
from fade_server.queries import steps as step_queries
from fade_server.queries.runs import AttemptRow, RunRow
from fade_server.services.batch import RawWeights, StepBatch
from fade_server.services.codec import (
    read_config,
    read_override,
    read_schedule,
    schedule_document,
    show_override,
    to_wire,
)
from fade_server.services.context import Context
from fade_server.services.levels import drop_levels
from fade_server.services.rows import (
    documents,
    floats,
    last_values,
    metric_names,
    pick,
    split_nonfinite,
)

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a batch; ``schedule`` is what is in force now."""

    accepted: int
    duplicates: int
    last_step: int
    schedule: Schedule
    override: Row | None
    override_version: int


def ingest(context: Context, run_id: str, batch: StepBatch) -> Accepted:
    """Store a batch: all of it or, after an error, nothing.

    A step that the attempt has already is left as it was and counted as a duplicate.

    Args:
        context: The service's parts.
        run_id: The client's name for the run.
        batch: Checked.

    Raises:
        NotFoundError: There is no such run.
        InvalidInputError: The run has no such attempt, or would get too many names.
    """
    begun = time.perf_counter()
    with context.store.write() as session:
        accepted = ingest_in(context, session, run_id, batch)
    seconds = time.perf_counter() - begun
    context.telemetry.count_batch(accepted.accepted, accepted.duplicates, seconds)
    if accepted.accepted:
        context.notifier.notify(run_id)
        context.background.changed(run_id)
    return accepted


def ingest_in(context: Context, session: Session, run_id: str, batch: StepBatch) -> Accepted:
    """Store a batch in a transaction that is open; the caller commits and tells the listeners.

    Raises:
        NotFoundError, InvalidInputError: As ``ingest``.
    """
    run = run_queries.find_run(session, run_id, lock=True)
    if run is None:
        raise NotFoundError(f'there is no run "{run_id}"')
    attempt = run_queries.find_attempt(session, run.pk, batch.attempt)
    if attempt is None:
        message = f"must be an attempt of the run, 1 to {run.attempt}"
        raise refuse("attempt", message, batch.attempt)
    return _Ingest(context, session, run, attempt, batch).store()


class _Ingest:
    """One batch on its way in; the run is locked."""

    def __init__(
        self, context: Context, session: Session, run: RunRow, attempt: AttemptRow, batch: StepBatch
    ) -> None:
        self.session, self.run, self.attempt = session, run, attempt
        self.settings, self.now = context.settings, context.clock()
        self.sent_last = batch.steps[-1]
        self.batch = self._without_duplicates(batch)
        self.duplicates = len(batch.steps) - len(self.batch.steps)
        self.hidden_from = run_queries.first_step_after(session, run.pk, attempt.ordinal)

    def store(self) -> Accepted:
        schedule = read_schedule(self.run.schedule)
        last_step = max(self.sent_last, self.attempt.last_step or 0)
        if self.batch.steps:
            metrics = self._metrics()
            first = self._first_step()
            previous = self._state()
            superseded = self._supersede(first)
            step_queries.add_steps(self.session, self._columns())
            self._add_weights()
            chain = self._advance(previous)
            if self.attempt.ordinal == self.run.attempt:
                schedule = chain[-1]
            self._change_attempt(first, last_step, chain[-1])
            self._change_run(metrics, superseded, schedule)
        in_force = scheduler.apply_override(schedule, read_override(self.run.override))
        self._acknowledge(in_force)
        return Accepted(
            len(self.batch.steps),
            self.duplicates,
            last_step,
            in_force,
            show_override(self.run.override),
            self.run.override_version,
        )

    def _without_duplicates(self, batch: StepBatch) -> StepBatch:
        first, last = batch.steps[0], batch.steps[-1]
        if self.attempt.last_step is None or first > self.attempt.last_step:
            return batch
        known = step_queries.existing_steps(
            self.session, self.run.pk, self.attempt.ordinal, first, last
        )
        kept = [index for index, step in enumerate(batch.steps) if step not in known]
        return batch if len(kept) == len(batch.steps) else pick(batch, kept)

    def _first_step(self) -> int:
        first, before = self.batch.steps[0], self.attempt.first_step
        return first if before is None else min(first, before)

    def _state(self) -> Schedule:
        """Return the schedule that this batch continues from."""
        if self.attempt.schedule is not None:
            return read_schedule(self.attempt.schedule)
        stored = schedule_queries.schedule_for_step(
            self.session, self.run.pk, self.attempt.ordinal, self.batch.steps[0]
        )
        if stored is None or stored.version == 0:
            return scheduler.initial(read_config(self.attempt.scheduler))
        return stored

    def _supersede(self, first: int) -> int:
        """Hide what older attempts stored from ``first`` on, and return how many steps."""
        if self.attempt.ordinal == 1 or first == self.attempt.first_step:
            return 0
        place = self.run.pk, self.attempt.ordinal, first
        schedule_queries.supersede_schedules(self.session, *place)
        return step_queries.supersede_steps(self.session, *place)

    def _hidden(self, step: int) -> bool:
        return self.hidden_from is not None and step >= self.hidden_from

    def _columns(self) -> dict[str, list[Any]]:
        batch, count = self.batch, len(self.batch.steps)
        scalars, nonfinite = split_nonfinite(batch.columns, count)
        columns: dict[str, list[Any]] = {
            "run_pk": [self.run.pk] * count,
            "attempt": [self.attempt.ordinal] * count,
            "step": batch.steps,
            "recorded_at": [self.now if time is None else time for time in batch.times],
            "superseded": [self._hidden(step) for step in batch.steps],
            "nonfinite": nonfinite,
            **scalars,
        }
        for name in ("vectors", "pass_at_k", "extra"):
            if named := getattr(batch, name):
                columns[name] = documents(named)
        return columns

    def _add_weights(self) -> None:
        weights = list(self.batch.weights.values())
        if weights:
            columns = {
                "run_pk": [self.run.pk] * len(weights),
                "attempt": [self.attempt.ordinal] * len(weights),
            }
            names = [one.name for one in fields(RawWeights)]
            columns |= {name: [getattr(one, name) for one in weights] for name in names}
            step_queries.add_weights(self.session, columns)

    def _advance(self, schedule: Schedule) -> list[Schedule]:
        config, steps = read_config(self.attempt.scheduler), self.batch.steps
        accuracy = floats(self.batch.columns.get("accuracy"), len(steps))
        entropy = floats(self.batch.columns.get("entropy"), len(steps))
        chain = []
        for step, solved, nats in zip(steps, accuracy, entropy, strict=True):
            schedule = scheduler.observe(schedule, step, solved, nats, config)
            chain.append(schedule)
        schedule_queries.add_schedules(
            self.session,
            self.run.pk,
            self.attempt.ordinal,
            [(one, self._hidden(one.step - 1)) for one in chain],
            event="computed",
            recorded_at=self.now,
        )
        return chain

    def _acknowledge(self, in_force: Schedule) -> None:
        """Note at which step the trainer first used the present override or its release."""
        applied, run = self.batch.applied, self.run
        known = run.override_step is not None or run.override_version == 0
        if applied is None or known or applied.version != run.override_version:
            return
        run_queries.change_run(self.session, run.pk, {"override_step": applied.step})
        what = in_force.reason if run.override else "what was released"
        entry = replace(in_force, step=applied.step, reason=f"the trainer applied it: {what}")
        schedule_queries.add_schedules(
            self.session,
            run.pk,
            self.attempt.ordinal,
            [(entry, self._hidden(applied.step))],
            event="applied",
            recorded_at=self.now,
        )

    def _metrics(self) -> list[str]:
        """Return the run's names of metrics with those of this batch."""
        names = dict.fromkeys((*self.run.metrics, *metric_names(self.batch)))
        free = [name for name in names if name.startswith(("extra/", "pass_at_k/"))]
        if len(free) > self.settings.max_extra_names:
            message = (
                f"a run can have at most {self.settings.max_extra_names} names "
                f"under extra and pass_at_k, would have {len(free)}"
            )
            raise refuse("extra", message, len(free))
        return list(names)

    def _change_attempt(self, first: int, last: int, schedule: Schedule) -> None:
        columns = {
            "first_step": first,
            "last_step": last,
            "schedule": schedule_document(schedule),
        }
        run_queries.change_attempt(self.session, self.run.pk, self.attempt.ordinal, columns)

    def _change_run(self, metrics: list[str], superseded: int, schedule: Schedule) -> None:
        shown = [i for i, step in enumerate(self.batch.steps) if not self._hidden(step)]
        last, last_step = self.run.last, self.run.last_step
        # An attempt that has steps already has set the last values itself.
        if superseded and self.attempt.first_step is None:
            last, last_step = self._rewound()
        if shown:
            first_shown = self.batch.steps[shown[0]]
            if self.run.last_step is not None and first_shown <= self.run.last_step:
                drop_levels(self.session, self.run.pk, first_shown)
            newer = last_step is None or self.batch.steps[shown[-1]] > last_step
            fresh = last_values(self.batch, shown)
            last = last | fresh if newer else fresh | last
            last_step = self.batch.steps[shown[-1]] if newer else last_step
        columns = {
            "updated_at": self.now,
            "last_step": last_step,
            "step_count": self.run.step_count - superseded + len(shown),
            "last": last,
            "metrics": metrics,
            "schedule": schedule_document(schedule),
        }
        run_queries.change_run(self.session, self.run.pk, columns)

    def _rewound(self) -> tuple[Row, int | None]:
        """Return the last values and the last step below the first step of this batch."""
        row = step_queries.last_step_before(self.session, self.run.pk, self.batch.steps[0])
        if row is None:
            return {}, None
        values = {name: row[name] for name in SCALARS if row[name] is not None}
        kinds = row["nonfinite"] or {}
        return values | {name: to_wire(float(kind)) for name, kind in kinds.items()}, row["step"]
