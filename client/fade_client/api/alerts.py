"""Diagnosis, alerts, silences, and where alerts are sent."""

from collections.abc import Iterator
from typing import Any

from fade_client.api.answers import Alert, Delivery, Diagnosis, Silence, Sink
from fade_client.api.calls import Calls


class AlertCalls(Calls):
    """What is wrong with runs, and who is told."""

    def diagnosis(self, run: str) -> Diagnosis:
        """Return what the detectors make of a run: findings, cause first, with evidence.

        Raises:
            ApiNotFound: There is no such run.
        """
        return self._http.ask("GET", "/runs/{run}/diagnosis", Diagnosis, path={"run": run})

    def alerts(
        self,
        run: str | None = None,
        *,
        project: str | None = None,
        state: str | None = None,
        severity: str | None = None,
        page_size: int = 100,
    ) -> Iterator[Alert]:
        """Yield alerts, the newest first.

        Args:
            run: Only of this run.
            project: Only of this project.
            state: ``pending``, ``firing``, ``acknowledged`` or ``resolved``.
            severity: ``info``, ``warning`` or ``critical``.
            page_size: Alerts of one request.

        Raises:
            ApiError: Something cannot be asked for.
        """
        query = {
            "run": run, "project": project, "state": state, "severity": severity,
            "limit": page_size,
        }  # fmt: skip
        for page in self._pages("/alerts", "alerts", Alert, query):
            yield from page

    def alerts_of_run(
        self, run: str, *, state: str | None = None, page_size: int = 100
    ) -> Iterator[Alert]:
        """Yield the alerts of one run, the newest first.

        Raises:
            ApiNotFound: There is no such run; ``alerts`` would yield nothing.
        """
        query = {"state": state, "limit": page_size}
        for page in self._pages("/runs/{run}/alerts", "alerts", Alert, query, {"run": run}):
            yield from page

    def acknowledge(self, alert: int, note: str | None = None) -> Alert:
        """Say that somebody sees to an alert.

        Args:
            alert: Its id.
            note: What is done about it.

        Raises:
            ApiError: There is no such alert, or it is resolved.
        """
        body, path = {"note": note}, {"alert": alert}
        return self._http.ask(
            "POST", "/alerts/{alert}/ack", Alert, path=path, body=body, again=True
        )

    def unacknowledge(self, alert: int) -> Alert:
        """Let an alert fire again.

        Raises:
            ApiError: There is no such alert, or nobody sees to it.
        """
        return self._http.ask("POST", "/alerts/{alert}/unack", Alert, path={"alert": alert})

    def silences(self) -> list[Silence]:
        """Return the silences that are in force."""
        return self._list("/silences", "silences", Silence)

    def silence(
        self,
        *,
        reason: str,
        duration_s: float | None = None,
        until: float | None = None,
        project: str | None = None,
        run: str | None = None,
        detector: str | None = None,
    ) -> Silence:
        """Tell nobody of some alerts for a while; what gets critical is told all the same.

        Args:
            reason: Why.
            duration_s: For how many seconds.
            until: Or until this time, seconds since the epoch.
            project: Only of this project.
            run: Only of this run.
            detector: Only of this detector.

        Raises:
            ApiError: A field is wrong.
        """
        given = {
            "reason": reason, "duration_s": duration_s, "until": until, "project": project,
            "run": run, "detector": detector,
        }  # fmt: skip
        body = {name: value for name, value in given.items() if value is not None}
        return self._http.ask("POST", "/silences", Silence, body=body)

    def end_silence(self, silence: int) -> None:
        """End a silence.

        Raises:
            ApiNotFound: There is no such silence.
        """
        self._http.ask("DELETE", "/silences/{silence}", Any, path={"silence": silence})

    def sinks(self) -> list[Sink]:
        """Return where alerts are sent."""
        return self._list("/sinks", "sinks", Sink)

    def sink(self, sink: int) -> Sink:
        """Return one place that alerts are sent to.

        Raises:
            ApiNotFound: There is no such sink.
        """
        return self._http.ask("GET", "/sinks/{sink}", Sink, path={"sink": sink})

    def create_sink(self, name: str, kind: str, url: str, **fields: Any) -> Sink:
        """Send alerts to another place.

        Args:
            name: What people call it.
            kind: ``apprise`` or ``webhook``.
            url: Address; shown to nobody again.
            **fields: ``project``, ``severity``, ``enabled``.

        Raises:
            ApiError: A field is wrong.
        """
        return self._http.ask(
            "POST", "/sinks", Sink, body={"name": name, "kind": kind, "url": url} | fields
        )

    def change_sink(self, sink: int, **fields: Any) -> Sink:
        """Change where alerts are sent; what is left out stays, the address too.

        Args:
            sink: Its id.
            **fields: ``name``, ``kind``, ``url``, ``project``, ``severity``, ``enabled``.

        Raises:
            ApiError: A field is wrong, or there is no such sink.
        """
        now = self.sink(sink)
        kept = {
            "name": now.name, "kind": now.kind, "project": now.project, "severity": now.severity,
            "enabled": now.enabled,
        }  # fmt: skip
        path, body = {"sink": sink}, kept | fields
        return self._http.ask("PUT", "/sinks/{sink}", Sink, path=path, body=body)

    def delete_sink(self, sink: int) -> None:
        """Send no alerts there any more.

        Raises:
            ApiNotFound: There is no such sink.
        """
        self._http.ask("DELETE", "/sinks/{sink}", Any, path={"sink": sink})

    def test_sink(self, sink: int) -> Delivery:
        """Send a test message now, and return what became of it.

        Raises:
            ApiNotFound: There is no such sink.
        """
        return self._http.ask("POST", "/sinks/{sink}/test", Delivery, path={"sink": sink})

    def deliveries(
        self, *, sink: int | None = None, status: str | None = None
    ) -> Iterator[Delivery]:
        """Yield the messages to sinks, the newest first.

        Args:
            sink: Only to this one.
            status: ``due``, ``sent`` or ``failed``.
        """
        query = {"sink": sink, "status": status}
        for page in self._pages("/deliveries", "deliveries", Delivery, query):
            yield from page
