"""What is looked up when Prometheus asks: the store's contents, the pool, the work that waits."""

import logging
from collections.abc import Callable, Iterator
from importlib.metadata import version

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool

from fade_server.queries import totals
from fade_server.services.context import Context
from fade_server.tables import SCHEMA_HEAD

log = logging.getLogger(__name__)

Count = Callable[[Session], dict[tuple[str, ...], int]]

COUNTED: tuple[tuple[str, str, tuple[str, ...], Count], ...] = (
    ("fadewatch_runs", "Runs in the store.", ("status",), totals.count_runs),
    (
        "fadewatch_alerts_open",
        "Alerts that are not resolved.",
        ("severity", "state"),
        totals.count_open_alerts,
    ),
    (
        "fadewatch_deliveries",
        "Messages of alerts to sinks.",
        ("status",),
        totals.count_deliveries,
    ),
)
"""Gauges of the whole store: name, help, labels and query. Every server process of the same
PostgreSQL reports the same."""


class Gauges(Collector):
    """Looks things up at the moment it is asked.

    A store that does not answer is itself what is reported, in ``fadewatch_store_up``: the other
    counters must not vanish with it.

    Args:
        context: The service's parts.
    """

    def __init__(self, context: Context) -> None:
        self._context = context

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Yield nothing: registering must not read the store."""
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield every gauge."""
        yield from self._process()
        families = self._store()
        yield _gauge("fadewatch_store_up", "Whether the store answers: 1 or 0.", bool(families))
        yield from families

    def _process(self) -> Iterator[GaugeMetricFamily]:
        labels = ("version", "schema")
        info = GaugeMetricFamily("fadewatch_build_info", "Always 1.", labels=labels)
        info.add_metric((version("fadewatch"), SCHEMA_HEAD), 1)
        yield info
        backlog = self._context.background.backlog
        yield _gauge("fadewatch_background_backlog", "Runs with work left to do.", backlog)
        pool = self._context.store.engine.pool
        if isinstance(pool, QueuePool):
            used, size = pool.checkedout(), pool.size()
            yield _gauge("fadewatch_database_connections_in_use", "Of the pool.", used)
            yield _gauge("fadewatch_database_connections_limit", "Most at a time.", size)

    def _store(self) -> list[GaugeMetricFamily]:
        families = []
        try:
            with self._context.store.read() as session:
                for name, text, labels, count in COUNTED:
                    family = GaugeMetricFamily(name, text, labels=labels)
                    for values, number in sorted(count(session).items()):
                        family.add_metric(values, number)
                    families.append(family)
        except SQLAlchemyError:
            log.warning("the store did not answer a request for metrics", exc_info=True)
            return []
        return families


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)
