"""The HTTP API as the server side of the dashboard sees it.

DashboardError
├── RunNotFound     (LookupError)      no run has that id
└── ApiUnreachable  (ConnectionError)  no usable answer: no connection, or not the expected one
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from fade_core.scheduler import DELTA_MIN, SchedulerConfig
from fade_dashboard import links


class DashboardError(Exception):
    """Base of every exception that the dashboard raises on purpose."""


class RunNotFound(DashboardError, LookupError):
    """No run has that id."""


class ApiUnreachable(DashboardError, ConnectionError):
    """No usable answer: no connection, or not the expected one."""


@dataclass(frozen=True, slots=True)
class Run:
    """What the figures need to know about a run.

    Attributes:
        id: The run's id.
        name: What people call it; any text.
        metrics: Names of the metrics that have data.
        h_star: Entropy target, nats a token; None before it is known.
        alpha_max: Upper guard rail of alpha.
        delta_min: Lower guard rail of delta.
        entropy_scale: Nats below H* that take delta from 1 to 0.
        group: What its seeds have in common, or None.
        trainer: The trainer and its version, where the adapter said so.
        cures: What to switch on for each detector that gets nothing, where the adapter said so.
    """

    id: str
    name: str
    metrics: frozenset[str]
    h_star: float | None = None
    alpha_max: float = 3.0
    delta_min: float = DELTA_MIN
    entropy_scale: float = 1.0
    group: str | None = None
    trainer: str = ""
    cures: Mapping[str, str] = field(default_factory=dict)


class ApiClient:
    """Reads the HTTP API through a client that the composition root made and will close."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def get_run(self, run_id: str) -> Run:
        """Return a run.

        Args:
            run_id: The run's id, as it came from the browser.

        Raises:
            RunNotFound: No run has that id.
            ApiUnreachable: There was no usable answer.
        """
        try:
            response = await self._http.get(links.api_run_path(run_id))
            if response.status_code == httpx.codes.NOT_FOUND:
                raise RunNotFound(f"no run has the id {run_id!r}")
            return _run(response.raise_for_status().json())
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise ApiUnreachable(f"GET {links.api_run_path(run_id)} failed: {error}") from error


def _run(body: Mapping[str, Any]) -> Run:
    run_id = str(body["id"])
    defaults = SchedulerConfig()
    tuning = body.get("scheduler") or {}
    coverage = _coverage(body.get("config"))
    return Run(
        id=run_id,
        name=str(body["name"]),
        metrics=frozenset(body["metrics"]),
        h_star=_finite((body["schedule"] or {}).get("h_star")),
        alpha_max=_finite(tuning.get("alpha_max")) or defaults.alpha_max,
        delta_min=_finite(tuning.get("delta_min")) or defaults.delta_min,
        entropy_scale=_finite(tuning.get("entropy_scale")) or defaults.entropy_scale,
        group=body.get("group"),
        trainer=str(coverage.get("trainer") or ""),
        cures={str(name): str(cure) for name, cure in (coverage.get("not_fed") or {}).items()},
    )


def _coverage(config: object) -> Mapping[str, Any]:
    # a run's config is whatever its trainer sent; only an adapter's report has this form
    found = config.get("coverage") if isinstance(config, Mapping) else None
    if not isinstance(found, Mapping) or not isinstance(found.get("not_fed"), Mapping):
        return {}
    return found


def _finite(wire: object) -> float | None:
    # what is not finite travels as a word
    return float(wire) if isinstance(wire, int | float) and math.isfinite(wire) else None
