"""What this process counts and times of itself, in the form that Prometheus reads."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from fade_server.request_id import CURRENT

REQUEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
ROUND_TRIP_BUCKETS = (0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.5)


class Telemetry:
    """The counters of one application.

    1. Each application has its own registry, so that several in one process do not mix.
    2. Labels are routes, statuses and words of ours: no run, project or path adds a series.

    Attributes:
        registry: Everything below, and what others register.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._count_batches(self.registry)
        self._count_requests(self.registry)
        ProcessCollector(registry=self.registry)

    def _count_batches(self, registry: CollectorRegistry) -> None:
        self.batches = Counter(
            "fadewatch_batches", "Batches of steps that were taken.", registry=registry
        )
        self.steps = Counter(
            "fadewatch_steps_accepted", "Steps that were stored.", registry=registry
        )
        self.duplicates = Counter(
            "fadewatch_steps_duplicate", "Steps that were stored already.", registry=registry
        )
        self.round_trip = Histogram(
            "fadewatch_schedule_round_trip_seconds",
            "From a checked batch to the stored schedule that follows from it.",
            buckets=ROUND_TRIP_BUCKETS,
            registry=registry,
        )

    def _count_requests(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "fadewatch_requests",
            "Requests that were answered; 499 when the client left before.",
            ["method", "route", "status"],
            registry=registry,
        )
        self.refused = Counter(
            "fadewatch_requests_refused",
            "Requests that were answered with a problem, by its kind.",
            ["reason"],
            registry=registry,
        )
        self.request_seconds = Histogram(
            "fadewatch_request_seconds",
            "Time to answer a request; not of those that waited for news.",
            ["method", "route"],
            buckets=REQUEST_BUCKETS,
            registry=registry,
        )
        self.in_flight = Gauge(
            "fadewatch_requests_in_flight", "Requests that are being answered.", registry=registry
        )
        self._waiting = Gauge(
            "fadewatch_requests_waiting",
            "Requests that wait for news of a run: long_poll or event_stream.",
            ["kind"],
            registry=registry,
        )
        for kind in ("long_poll", "event_stream"):
            self._waiting.labels(kind)

    def count_batch(self, stored: int, duplicates: int, seconds: float) -> None:
        """Count a batch of steps that was taken.

        Args:
            stored: Its steps that were new.
            duplicates: Its steps that were stored already.
            seconds: From the checked batch to the stored schedule that follows from it.
        """
        self.batches.inc()
        self.steps.inc(stored)
        self.duplicates.inc(duplicates)
        self.round_trip.observe(seconds)

    @contextmanager
    def waiting(self, kind: str) -> Iterator[None]:
        """Count the request at hand among those that wait, for as long as the block lasts.

        Args:
            kind: ``long_poll`` or ``event_stream``.
        """
        request = CURRENT.get()
        if request is not None:
            request.waited = True
        with self._waiting.labels(kind).track_inprogress():
            yield
