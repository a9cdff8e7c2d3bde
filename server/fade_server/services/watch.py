"""The detectors over every run's records: a job that follows the ingest.

How far a run was read is stored with what the detectors know, and moves on in one transaction
with the alerts that follow. So a killed process leaves a consistent past, any process may go on,
and no record is read twice or skipped. Only a record that arrives late, below what was read
already, is not looked at.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from fade_core import diagnosis, resume
from fade_core.alerting import worse
from fade_core.findings import Finding
from fade_core.kl_audit.live import config_findings
from fade_core.records import SCALARS
from fade_server.queries import runs as run_queries
from fade_server.queries import watches as watch_queries
from fade_server.queries.watches import Cursor, WatchRow
from fade_server.services import alerts, drift
from fade_server.services.context import Context
from fade_server.services.records import record_of
from fade_server.services.watched import Reading, Seen, Watched, load

CHUNK = 256
"""Records that are read at once; it bounds the memory and the time that a lock is held."""

KEPT = 20
"""Resolved incidents in the stored ledger; the alerts keep all of them."""


def watch(context: Context, run_id: str) -> bool:
    """Read a run's next records, and bring its alerts up to date with them.

    The detectors run before the lock is taken: when another process moved on meanwhile, this
    reading is thrown away and the next one starts from there.

    Args:
        context: The service's parts.
        run_id: The client's name for the run; one that does not exist is left alone.

    Returns:
        Whether there may be more to read.
    """
    reading = _read(context, run_id)
    if reading is None:
        return False
    with context.store.write() as session:
        run = run_queries.find_run(session, run_id, lock=True)
        if run is None:
            return False
        if watch_queries.find_cursor(session, run.pk) != reading.before:
            return True
        row = _row(run.pk, reading.after, context.clock())
        watch_queries.save_watch(session, row, fresh=reading.before is None)
        changed = alerts.settle(context, session, run, reading)
    if changed:
        context.notifier.notify(run_id)
    return reading.more


def unfinished(context: Context) -> list[str]:
    """Return the runs whose newest records no process has read, for whatever reason."""
    with context.store.read() as session:
        return watch_queries.unwatched_runs(session)


def _read(context: Context, run_id: str) -> Reading | None:
    with context.store.read() as session:
        run = run_queries.find_run(session, run_id)
        if run is None:
            return None
        stored = watch_queries.find_watch(session, run.pk)
        watched = load(stored)
        names = tuple(name for name in SCALARS if name in set(run.metrics))
        rows = watch_queries.records_after(session, run.pk, watched.cursor, names, CHUNK)
        records = [record_of(row, names) for row in rows]
        attempts = {row["attempt"] for row in rows if set(names) >= drift.NEEDS}
        controlled = drift.controlled_attempts(session, run, attempts)
        chain = drift.read_chain(session, run, records) if controlled else None
    standing = config_findings(run.config)
    before = None if stored is None else stored.cursor
    if not rows:
        # A run that is wrong by its settings is told of before its first record.
        known = stored is not None or not standing
        return None if known else Reading(before, watched, [(0, list(standing))], False)
    trace: list[Seen] = []
    for row, record in zip(rows, records, strict=True):
        drifted = drift.check(record, chain) if chain and row["attempt"] in controlled else None
        extra = () if drifted is None else (drifted,)
        watched, findings = _step(watched, (row["attempt"], row["step"]), record, extra)
        if findings is not None:
            trace.append((row["step"], _with_standing(findings, standing)))
    return Reading(before, watched, trace, len(rows) == CHUNK)


def _step(
    watched: Watched, cursor: Cursor, record: Mapping[str, Any], extra: Iterable[Finding]
) -> tuple[Watched, list[Finding] | None]:
    """Advance by one record; no findings at all for a step that came twice with nothing new."""
    state, findings = watched.monitor.step(watched.state, record)
    if state is watched.state:
        return Watched(watched.monitor, cursor, state, watched.ledger), None
    findings += extra
    ledger = diagnosis.fold(watched.ledger, state.last_step, findings)
    return Watched(watched.monitor, cursor, state, ledger), findings


def _with_standing(findings: list[Finding], standing: Iterable[Finding]) -> list[Finding]:
    """Add what the settings say, unless a detector of the same name says as much."""
    seen = {each.detector: each for each in findings}
    for each in standing:
        known = seen.get(each.detector)
        if known is None or worse(each.severity, known.severity):
            seen[each.detector] = each
    return list(seen.values())


def _row(pk: int, watched: Watched, now: float) -> WatchRow:
    return WatchRow(
        pk,
        *watched.cursor,
        resume.to_json(watched.monitor, watched.state),
        resume.ledger_to_json(watched.ledger, KEPT),
        now,
    )
