"""What is kept for how long: a policy a project, and its execution."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sqlalchemy.orm import Session

from fade_server.queries import retention as queries
from fade_server.queries import runs as run_queries
from fade_server.queries.retention import Policy
from fade_server.services import audit
from fade_server.services.context import Context

Document = dict[str, Any]

DAY_S = 86_400.0
CHUNK = 2000
"""Most rows that one transaction deletes, so that no trainer waits long for its turn."""

KEEP_ALL = Policy(None, None)


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was deleted, or would be.

    Attributes:
        project: Of the run.
        run: Its id.
        what: Its raw weights, or the run with all that belongs to it.
    """

    project: str
    run: str
    what: Literal["weights", "run"]


def read_policy(context: Context, project: str) -> Document:
    """Return a project's policy; one that was never set keeps everything."""
    with context.store.read() as session:
        policy = queries.list_policies(session).get(project, KEEP_ALL)
    return {"project": project, **asdict(policy)}


def change_policy(context: Context, project: str, policy: Policy | None, *, by: str) -> Document:
    """Set a project's policy, or remove it.

    Args:
        context: The service's parts.
        project: Which; it needs no runs yet.
        policy: What to keep how long; None keeps everything.
        by: Who, for the audit trail.
    """
    with context.store.write() as session:
        queries.set_policy(session, project, policy)
        detail = asdict(policy or KEEP_ALL)
        audit.record(session, context.clock(), by, "retention.changed", project, detail)
    return read_policy(context, project)


def prune_by_policy(context: Context) -> list[Pruned]:
    """Delete what the projects' policies say, and return what that was."""
    return [
        one
        for project, policy in policies(context).items()
        for one in prune(context, project, policy, by="retention")
    ]


def prune(
    context: Context, project: str, policy: Policy, *, by: str, dry_run: bool = False
) -> Iterator[Pruned]:
    """Delete what a policy says of one project, in small transactions.

    A run that has news again before its turn is left alone. What was begun by a process that
    ended is finished by the next one.

    Args:
        context: The service's parts.
        project: Which.
        policy: What to keep how long.
        by: Who, for the audit trail.
        dry_run: Only say what would be deleted.

    Yields:
        Each run, after it is done.
    """
    now = context.clock()
    if policy.runs_days is not None:
        before = now - policy.runs_days * DAY_S
        for run_id in _silent(context, project, before):
            if dry_run or _delete_run(context, run_id, before, by):
                yield Pruned(project, run_id, "run")
    if policy.weights_days is not None:
        before = now - policy.weights_days * DAY_S
        for run_id in _silent(context, project, before, with_weights=True):
            if dry_run or _in_chunks(context, run_id, before, queries.delete_weights):
                yield Pruned(project, run_id, "weights")


def projects_with_runs(context: Context) -> list[str]:
    """Return the names of the projects that have runs."""
    with context.store.read() as session:
        return queries.list_projects(session)


def policies(context: Context) -> dict[str, Policy]:
    """Return the policy of each project that has one."""
    with context.store.read() as session:
        return queries.list_policies(session)


def _silent(
    context: Context, project: str, before: float, *, with_weights: bool = False
) -> list[str]:
    with context.store.read() as session:
        return queries.silent_runs(session, project, before, with_weights=with_weights)


def _in_chunks(
    context: Context, run_id: str, before: float, delete: Callable[[Session, int, int], int]
) -> bool:
    """Delete until nothing is left, and return whether the run stayed silent meanwhile."""
    left = True
    while left:
        with context.store.write() as session:
            run = run_queries.find_run(session, run_id, lock=True)
            if run is None or run.updated_at >= before:
                return False
            left = delete(session, run.pk, CHUNK) > 0
            # Charts are drawn from the rows that are left, not from what is gone.
            run_queries.change_run(session, run.pk, {})
    return True


def _delete_run(context: Context, run_id: str, before: float, by: str) -> bool:
    weights_gone = _in_chunks(context, run_id, before, queries.delete_weights)
    if not weights_gone or not _in_chunks(context, run_id, before, queries.delete_records):
        return False
    with context.store.write() as session:
        run = run_queries.find_run(session, run_id, lock=True)
        if run is None or run.updated_at >= before:
            return False
        run_queries.delete_run(session, run.pk)
        detail = {"project": run.project, "name": run.name, "steps": run.step_count}
        audit.record(session, context.clock(), by, "run.pruned", run_id, detail)
    context.notifier.notify(run_id)
    return True
