"""The server's alerts in the trainer: which are news, and what they make the trainer do."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import msgspec

from fade_client.errors import ConfigError

log = logging.getLogger("fade_client")

Action = Literal["log", "checkpoint", "pause", "stop"]
ACTIONS: tuple[str, ...] = get_args(Action)
SEVERITIES = ("info", "warning", "critical")


class Alert(msgspec.Struct, frozen=True):
    """What the service has found and keeps open, or has just closed.

    Attributes:
        id: Its number at the server.
        detector: Which rule found it.
        severity: ``info``, ``warning`` or ``critical``.
        state: ``pending``, ``firing``, ``acknowledged`` or ``resolved``.
        onset_step: When it began, as the rule reckons.
        first_step: When it was first seen.
        last_step: When it was last seen.
        resolved_step: When it was over, or None.
        headline: What it says, one line.
        evidence: Numbers behind it.
        advice: What to do about it.
    """

    id: int
    detector: str = ""
    severity: str = "warning"
    state: str = "firing"
    onset_step: int = 0
    first_step: int = 0
    last_step: int = 0
    resolved_step: int | None = None
    headline: str = ""
    evidence: Any = None
    advice: Any = None

    def __str__(self) -> str:
        # The service's headline says all of it.
        said = self.headline or f"{self.severity}: {self.detector} from step {self.onset_step}"
        return f"alert {self.id}, {said}"


OnAlert = Callable[[Alert], Action | None] | Mapping[str, Action] | Action


@dataclass(frozen=True, slots=True)
class Orders:
    """What the trainer is asked to do now, each with why; empty where nothing is asked.

    Attributes:
        checkpoint: Save a checkpoint.
        pause: Wait before the next rollout batch; asked again until the alert is acknowledged
            or resolved at the service.
        stop: End the training.
    """

    checkpoint: str = ""
    pause: str = ""
    stop: str = ""


def reaction(on_alert: Any) -> Callable[[Alert], Any] | None:
    """Return what to call with a new alert, from what ``init`` was given.

    Args:
        on_alert: A function of an alert that returns an action or None; an action for every
            alert; or actions by severity; or None.

    Raises:
        ConfigError: It is none of these.
    """
    if on_alert is None:
        return None
    if callable(on_alert):
        call: Callable[[Alert], Any] = on_alert
        return call
    by_severity = dict.fromkeys(SEVERITIES, on_alert) if isinstance(on_alert, str) else on_alert
    if not isinstance(by_severity, Mapping) or not set(by_severity) <= set(SEVERITIES):
        raise ConfigError(
            f"on_alert must be a function, one of {', '.join(ACTIONS)}, or a mapping from "
            f"{', '.join(SEVERITIES)} to these; got {on_alert!r}"
        )
    for action in by_severity.values():
        if action not in ACTIONS:
            raise ConfigError(f"an action of on_alert is one of {', '.join(ACTIONS)}: {action!r}")
    chosen = dict(by_severity)
    return lambda alert: chosen.get(alert.severity)


class Watch:
    """The alerts of a run, and who in the trainer reacts to them.

    Promises; ``tests/unit/client/test_alerts.py`` has one test for each:

    1. An alert is news once when it fires, once more when it turns critical, and again when it
       fires after it was over.
    2. What fired before this attempt began is no news.
    3. The reaction runs in the thread that asks for orders; one that fails is said and is no
       more than that.

    Args:
        react: Called with an alert that is news; returns an action or None. None to do nothing.
    """

    def __init__(self, react: Callable[[Alert], Any] | None) -> None:
        self._react = react
        self._alerts: tuple[Alert, ...] = ()
        self._version = -1
        self._told: dict[int, str] = {}
        self._pausing: dict[int, str] = {}
        self._lock = threading.Lock()

    @property
    def open(self) -> tuple[Alert, ...]:
        """The alerts that are not over, as far as is known."""
        return tuple(one for one in self._alerts if one.state != "resolved")

    def take(self, version: int, alerts: Sequence[Alert], *, anew: bool = False) -> None:
        """Note what the server says.

        Args:
            version: Grows with every change of the run's alerts.
            alerts: Those that are not resolved, and others.
            anew: The server counts from the start again.
        """
        with self._lock:
            if version >= self._version or anew:
                self._version, self._alerts = version, tuple(alerts)

    def orders(self, began: int) -> Orders:
        """React to what is news, and return what the trainer has to do.

        Args:
            began: First step of this attempt.
        """
        with self._lock:
            alerts = self._alerts
        given: dict[str, str] = {}
        for alert in self._news(alerts, began):
            action = self._ask(alert)
            if action == "pause":
                self._pausing[alert.id] = str(alert)
            elif action is not None:
                given.setdefault(action, str(alert))
        firing = {one.id for one in alerts if one.state == "firing"}
        self._pausing = {id_: why for id_, why in self._pausing.items() if id_ in firing}
        given.pop("log", None)
        return Orders(pause=next(iter(self._pausing.values()), ""), **given)

    def renew_after_fork(self) -> None:
        """In a forked child: a lock that no vanished thread holds."""
        self._lock = threading.Lock()

    def _news(self, alerts: Sequence[Alert], began: int) -> list[Alert]:
        open_ = {one.id: one for one in alerts if one.state in ("firing", "acknowledged")}
        self._told = {id_: severity for id_, severity in self._told.items() if id_ in open_}
        news = []
        for alert in open_.values():
            before = self._told.get(alert.id)
            self._told[alert.id] = alert.severity
            is_worse = before not in (None, "critical") and alert.severity == "critical"
            is_new = before is None and alert.first_step >= began
            if alert.state == "firing" and (is_new or is_worse):
                news.append(alert)
        return news

    def _ask(self, alert: Alert) -> str | None:
        if self._react is None:
            return None
        try:
            action = self._react(alert)
        except Exception:
            log.warning("on_alert failed for %s", alert, exc_info=True)
            return None
        if action is None:
            return None
        if action not in ACTIONS:
            log.warning("on_alert returned %r; it is one of %s", action, ", ".join(ACTIONS))
            return None
        log.warning("%s; the trainer is to %s", alert, action)
        return str(action)
