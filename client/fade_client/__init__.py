"""The hook for trainers: record every step, and let FADE steer the advantages.

    import fade_client

    run = fade_client.init(project="countdown", name="grpo-seed0", config={...}, mode="observe")
    for batch in loader:
        ...
        schedule = run.schedule                      # alpha, delta, version, reason
        advantages = schedule.advantages(rewards)    # [P, G] torch or numpy in, same type out
        run.log_step(rewards=rewards, advantages=advantages, entropy=entropy, grad_norm=g)
    run.finish()

``init``      opens a run; the only call that raises, and only for what it was given
``Run``       the handle: ``log_step``, ``schedule``, ``finish``, ``state_dict``, ``stats``
``read_run``  reads the file of a local run back
``sync``      module: sends what an outage left in the spools
``errors``    module: the exceptions

Nothing here imports torch. numpy is loaded by the first use, and nothing of the network before
a run needs it, so that the import stays cheap.
"""

import importlib
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from fade_client.errors import ClientError, ConfigError, SpoolError, StateError
from fade_core.scheduler import SchedulerConfig

if TYPE_CHECKING:
    from fade_client.alerts import Action, Alert, OnAlert, Orders
    from fade_client.frames import Header
    from fade_client.ledger import FinishReport, RunStats
    from fade_client.options import Mode
    from fade_client.reading import read_run
    from fade_client.run import Run
    from fade_client.schedule import RunSchedule

__all__ = [
    "Action",
    "Alert",
    "ClientError",
    "ConfigError",
    "FinishReport",
    "Header",
    "Mode",
    "OnAlert",
    "Orders",
    "Run",
    "RunSchedule",
    "RunStats",
    "SchedulerConfig",
    "SpoolError",
    "StateError",
    "init",
    "read_run",
]


_HOME = {
    "Action": "alerts",
    "Alert": "alerts",
    "FinishReport": "ledger",
    "Header": "frames",
    "Mode": "options",
    "OnAlert": "alerts",
    "Orders": "alerts",
    "Run": "run",
    "RunSchedule": "schedule",
    "RunStats": "ledger",
    "read_run": "reading",
}
"""Where the names live that are loaded, with numpy, at their first use."""


def init(
    project: str,
    name: str | None = None,
    *,
    config: Mapping[str, Any] | None = None,
    mode: "Mode" = "observe",
    server: str | None = None,
    run_id: str | None = None,
    tags: Iterable[str] = (),
    group: str | None = None,
    scheduler: SchedulerConfig | None = None,
    dir: str | os.PathLike[str] | None = None,
    weights_every: int = 1,
    api_key: str | None = None,
    on_alert: "OnAlert | None" = None,
) -> "Run":
    """Open a run. Does not wait for the server, which may be down, then or later.

    Args:
        project: A letter or digit, then up to 63 more or any of ``_.-``.
        name: What people read; the run's id when None.
        config: The trainer's configuration, anything that JSON can say.
        mode: ``observe`` only watches; ``recommend`` computes and shows; ``control`` has
            ``Run.schedule`` steer the training, with a person's overrides; ``local`` does so
            with no server at all, and the spool is the run's record.
        server: Address; None for FADEWATCH_SERVER, else ``http://127.0.0.1:8765``.
        run_id: The run to continue after a restart; None for a new one. A letter or digit, then
            up to 63 more or any of ``_-``.
        tags: Labels.
        group: Runs that belong together.
        scheduler: Tuning of FADE's scheduler; the published one when None.
        dir: Where spools are kept; None for FADEWATCH_DIR, else ``~/.fadewatch/spool``.
        weights_every: Raw advantage weights of every k-th step go to the server; 0 for none.
            Of more than 4,096 values a step, evenly spaced whole groups go.
        api_key: Key of the server; None for FADEWATCH_API_KEY, else none.
        on_alert: What an alert of the server makes the trainer do, see ``Run.orders``: one of
            ``log``, ``checkpoint``, ``pause`` and ``stop``, these by severity, or a function of
            an ``Alert`` that returns one or None. None for nothing.

    Returns:
        The run; a context manager too. Of a distributed job only rank 0 records: on any other
        rank the run keeps the schedule and writes and sends nothing, so reduce rewards and
        entropy over all ranks before logging them.

    Raises:
        ConfigError: An argument cannot be used.
    """
    # Here and not at the top: numpy is most of what the client costs to load.
    from fade_client import opening, options  # noqa: PLC0415

    resolved = options.resolve(
        project,
        name,
        config=config,
        mode=mode,
        server=server,
        run_id=run_id,
        tags=tags,
        group=group,
        scheduler=scheduler,
        directory=dir,
        weights_every=weights_every,
        api_key=api_key,
        on_alert=on_alert,
    )
    return opening.open_run(resolved)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
