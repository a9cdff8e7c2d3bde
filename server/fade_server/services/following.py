"""What follows every change of a run, and the runs for which it has not been done."""

from functools import partial

from fade_server.services.background import Job
from fade_server.services.context import Context
from fade_server.services.levels import build_levels, runs_behind
from fade_server.services.watch import unfinished, watch


def jobs_of(context: Context) -> list[Job]:
    """Return the jobs: levels first, as charts wait for them and they cost less."""
    return [partial(build_levels, context), partial(watch, context)]


def sweep(context: Context) -> None:
    """Take up the runs that another, killed process left behind, or that nobody was told of."""
    for run_id in dict.fromkeys((*runs_behind(context), *unfinished(context))):
        context.background.changed(run_id)
