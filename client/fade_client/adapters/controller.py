"""FADE in a trainer whose advantages are computed in one process, for the whole batch at once.

Shapes: ``N`` rollouts of a batch, in the trainer's order.
"""

import logging
from collections.abc import Mapping
from typing import Any

import fade_client
from fade_client.adapters.coverage import OUTCOME, WEIGHTS, Coverage
from fade_client.adapters.kl import announce, audited
from fade_client.adapters.rows import Floats, Rows, outside
from fade_client.adapters.session import Session
from fade_client.adapters.signals import Vocabulary
from fade_client.run import Run
from fade_core.errors import RewardError

log = logging.getLogger("fade_client")


class Controller:
    """Weighs batches by the run's schedule, and joins what the trainer measures to them.

    1. In ``observe`` and ``recommend`` the weights are rewards less their group's mean.
    2. In ``control`` and ``local`` a first batch that has no solve rates is refused; a later one
       gets what 1 says, is recorded without a pair, and a warning says so once.
    3. The record of a batch is made before the next pair is read.

    Args:
        run: Where the records go.
        vocabulary: The trainer's metrics.
    """

    def __init__(self, run: Run, vocabulary: Vocabulary) -> None:
        self.run = run
        self._session, self._vocabulary = Session(run), vocabulary
        self._batches = 0
        self._has_warned = False
        self._unknown: set[str] = set()

    def weigh(self, rows: Rows) -> Floats:
        """Start a batch and return the weight of each of its rollouts.

        Args:
            rows: The batch; rows that only fill it up left out.

        Raises:
            RewardError: It is the first one, the run steers, and it has no solve rates.
        """
        self._session.begin()
        schedule = self.run.schedule
        problem = None if schedule.source == "fallback" else self._problem(rows)
        self._batches += 1
        is_neutral = schedule.source == "fallback" or problem is not None
        weights = rows.centred() if is_neutral else rows.fade(schedule.alpha, schedule.delta)
        self._note(rows, weights, used=not is_neutral)
        return weights

    def watch(self, rows: Rows, weights_N: Any) -> None:
        """Start a batch whose weights the trainer computed itself.

        Args:
            rows: The batch.
            weights_N: What the trainer uses.
        """
        self._session.begin()
        self._note(rows, weights_N, used=False)

    def add(self, metrics: Mapping[str, Any]) -> None:
        """Note what the trainer measured of the batch in progress; the first value counts."""
        self._look_at(metrics)
        named = self._vocabulary.translate(metrics)
        numbers = {name: number for name, number in named.items() if _is_number(number)}
        new = {name: number for name, number in numbers.items() if not self._session.has(name)}
        self._session.add({name: float(number) for name, number in new.items()})

    def report(self, metrics: Mapping[str, Any]) -> None:
        """Note what the trainer measured, and record the batch."""
        self.add(metrics)
        self._session.flush()
        orders = self.run.orders()
        if orders.checkpoint or orders.pause or orders.stop:
            log.warning("only the alert is said: fadewatch cannot hold this trainer")

    def finish(self, status: str = "finished") -> None:
        """Record the last batch and end the run."""
        self._session.finish(status)

    def _look_at(self, metrics: Mapping[str, Any]) -> None:
        unknown = {key for key in metrics if not self._vocabulary.knows(key)} - self._unknown
        if unknown:
            self._unknown |= unknown
            log.info("unknown to fadewatch, kept as extra series: %s", ", ".join(sorted(unknown)))

    def _problem(self, rows: Rows) -> str | None:
        problem = outside(rows.solved_N)
        if problem is not None and self._batches == 0:
            raise RewardError(f"mode={self.run.mode!r} needs a solve rate; {problem}")
        if problem is not None and not self._has_warned:
            self._has_warned = True
            log.warning("a batch is weighed as by GRPO, because %s", problem)
        return problem

    def _note(self, rows: Rows, weights_N: Any, *, used: bool) -> None:
        fields: dict[str, float | None] = dict(rows.outcome())
        if not used:
            fields |= dict.fromkeys(("alpha", "delta", "schedule_version"))
        rewards_PG = rows.grouped(rows.solved_N) if "accuracy" in fields else None
        weights_PG = None if rewards_PG is None else rows.grouped(weights_N)
        self._session.weigh(rewards_PG, weights_PG, **fields)


def open_controller(
    trainer: str, vocabulary: Vocabulary, project: str, *, settings: Any = None, **opening: Any
) -> Controller:
    """Open a run for a trainer, with its coverage report in the log and in the configuration.

    So is the verdict on its KL settings.

    Args:
        trainer: What it is called.
        vocabulary: Its metrics.
        project: As for ``fade_client.init``.
        settings: The trainer's own configuration, where it is at hand.
        **opening: Anything else that ``fade_client.init`` takes.
    """
    arriving = dict.fromkeys((*vocabulary.fields.values(), *OUTCOME, *WEIGHTS))
    # pass@k is not computed from one batch, whatever the group's size.
    coverage = Coverage(trainer, tuple(name for name in arriving if name != "pass_at_k"), {})
    found = {"coverage": coverage.as_config(), **audited(settings, trainer.lower())}
    config = found | dict(opening.pop("config", None) or {})
    controller = Controller(fade_client.init(project, config=config, **opening), vocabulary)
    log.info("fadewatch watches %s", coverage.report())
    announce(found)
    return controller


def _is_number(number: Any) -> bool:
    try:
        float(number)
    except (TypeError, ValueError):
        return False
    return not isinstance(number, str | bytes)
