"""What is kept for how long, and the deletion of what is older."""

from dataclasses import dataclass

from sqlalchemy import delete, insert, select, tuple_
from sqlalchemy.orm import Session

from fade_server.tables import retention, runs, schedules, steps, weights


@dataclass(frozen=True, slots=True)
class Policy:
    """Days without news after which something is deleted; None keeps it.

    Attributes:
        weights_days: Raw weights of a run.
        runs_days: The run itself.
    """

    weights_days: float | None
    runs_days: float | None


def list_policies(session: Session) -> dict[str, Policy]:
    """Return every project's policy."""
    statement = select(retention.c.project, retention.c.weights_days, retention.c.runs_days)
    return {project: Policy(*days) for project, *days in session.execute(statement)}


def set_policy(session: Session, project: str, policy: Policy | None) -> None:
    """Replace a project's policy; None removes it."""
    session.execute(delete(retention).where(retention.c.project == project))
    if policy is not None:
        columns = {
            "project": project,
            "weights_days": policy.weights_days,
            "runs_days": policy.runs_days,
        }
        session.execute(insert(retention).values(columns))


def list_projects(session: Session) -> list[str]:
    """Return the projects that have runs."""
    return list(session.scalars(select(runs.c.project).distinct().order_by(runs.c.project)))


def silent_runs(
    session: Session, project: str, before: float, *, with_weights: bool = False
) -> list[str]:
    """Return the runs of a project without news since a time, the oldest first."""
    statement = (
        select(runs.c.id)
        .where(runs.c.project == project, runs.c.updated_at < before)
        .order_by(runs.c.updated_at)
    )
    if with_weights:
        has_some = select(weights.c.step).where(weights.c.run_pk == runs.c.pk).exists()
        statement = statement.where(has_some)
    return list(session.scalars(statement))


def delete_weights(session: Session, pk: int, most: int) -> int:
    """Delete some of a run's raw weights, and return how many."""
    key = tuple_(weights.c.run_pk, weights.c.attempt, weights.c.step)
    some = select(weights.c.run_pk, weights.c.attempt, weights.c.step)
    chosen = some.where(weights.c.run_pk == pk).limit(most)
    gone = session.execute(delete(weights).where(key.in_(chosen)).returning(weights.c.step))
    return len(gone.all())


def delete_records(session: Session, pk: int, most: int) -> int:
    """Delete some of a run's steps and schedules, and return how many."""
    key = tuple_(steps.c.run_pk, steps.c.attempt, steps.c.step)
    some = select(steps.c.run_pk, steps.c.attempt, steps.c.step)
    chosen = some.where(steps.c.run_pk == pk).limit(most)
    gone = session.execute(delete(steps).where(key.in_(chosen)).returning(steps.c.step))
    entries = select(schedules.c.id).where(schedules.c.run_pk == pk).limit(most)
    trail = session.execute(
        delete(schedules).where(schedules.c.id.in_(entries)).returning(schedules.c.id)
    )
    return len(gone.all()) + len(trail.all())
