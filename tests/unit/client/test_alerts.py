"""The promises of Watch, in the order its docstring makes them, and the way to the trainer."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from fade_client.alerts import Alert, Orders, Watch
from fade_client.errors import ConfigError
from fade_client.run import Run
from tests.unit.client.fakes import FakeNetwork, open_run, resolved

COLLAPSE: dict[str, Any] = {
    "id": 7, "detector": "entropy_collapse", "severity": "warning", "state": "firing",
    "onset_step": 3, "first_step": 4, "last_step": 6, "resolved_step": None,
    "headline": "warning: entropy_collapse from step 3. Entropy falls.",
    "evidence": {"rate": -0.08}, "advice": ["lower lr"],
}  # fmt: skip


def is_poll(request: httpx.Request) -> bool:
    return request.url.path.endswith("/schedule")


def alert(**changes: Any) -> Alert:
    return Alert(**(COLLAPSE | changes))


def told(*states: tuple[Alert, ...], began: int = 0) -> list[str]:
    """Return the severities that were news, as the server's answers came in."""
    news: list[str] = []
    watch = Watch(lambda one: news.append(one.severity))
    for version, alerts in enumerate(states):
        watch.take(version, alerts)
        watch.orders(began)
        watch.orders(began)
    return news


def test_an_alert_is_news_once_a_firing_and_once_more_when_it_turns_critical() -> None:
    firing, critical = (alert(),), (alert(severity="critical"),)
    assert told((alert(state="pending"),), firing, firing) == ["warning"]
    assert told(firing, critical, critical) == ["warning", "critical"]
    assert told(critical, firing, critical) == ["critical", "critical"]
    assert told(firing, (alert(state="acknowledged"),), firing) == ["warning"]
    assert told(firing, (alert(state="resolved", resolved_step=9),), firing) == ["warning"] * 2
    assert told(firing, (), firing) == ["warning"] * 2


def test_what_fired_before_this_attempt_is_no_news() -> None:
    assert told((alert(first_step=4),), began=5) == []
    assert told((alert(first_step=4),), (alert(severity="critical"),), began=5) == ["critical"]


def test_a_reaction_that_fails_is_said_and_asks_for_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    watch = Watch(lambda one: 1 / one.id * (one.id - 7) or "explode")
    watch.take(0, [alert()])
    assert watch.orders(0) == Orders()
    assert "on_alert returned 'explode'" in caplog.text
    broken = Watch(lambda one: one.evidence["absent"])
    broken.take(0, [alert()])
    assert broken.orders(0) == Orders()
    assert "on_alert failed for alert 7, warning: entropy_collapse from step 3" in caplog.text


def test_an_answer_that_was_overtaken_changes_no_alert() -> None:
    watch = Watch(None)
    watch.take(3, [alert()])
    watch.take(2, [])
    assert watch.open == (alert(),)
    watch.take(0, [], anew=True)
    assert watch.open == ()


def run_with(network: FakeNetwork, directory: Path, on_alert: Any, **changes: Any) -> Run:
    return open_run(directory, network, on_alert=on_alert, **changes)


def test_an_alert_reaches_a_run_that_sends_nothing(tmp_path: Path) -> None:
    network = FakeNetwork()
    run = run_with(network, tmp_path, {"critical": "stop", "warning": "checkpoint"})
    network.alerts = [COLLAPSE]
    network.wait_for(lambda: bool(run.alerts))
    assert run.alerts == (alert(),)
    why = "alert 7, warning: entropy_collapse from step 3. Entropy falls."
    assert run.orders() == Orders(checkpoint=why)
    assert run.orders() == Orders()
    network.alerts = [COLLAPSE | {"severity": "critical"}]
    network.wait_for(lambda: run.alerts[0].severity == "critical")
    assert run.orders().stop == why
    run.finish()


def test_a_pause_lasts_until_the_alert_is_acknowledged(tmp_path: Path) -> None:
    network = FakeNetwork()
    run = run_with(network, tmp_path, "pause")
    network.alerts = [COLLAPSE]
    network.wait_for(lambda: bool(run.alerts))
    assert run.orders().pause == run.orders().pause != ""
    network.alerts = [COLLAPSE | {"state": "acknowledged"}]
    network.wait_for(lambda: run.alerts[0].state == "acknowledged")
    assert run.orders() == Orders()
    run.finish()


def test_without_on_alert_nothing_is_asked_and_nothing_reacts(tmp_path: Path) -> None:
    network = FakeNetwork()
    run = run_with(network, tmp_path, None)
    network.alerts = [COLLAPSE]
    run.log_step(loss=1.0)
    network.wait_for(lambda: network.stored(run.id) == [0])
    assert not any(map(is_poll, network.requests))
    assert (run.alerts, run.orders()) == ((), Orders())
    run.finish()


def test_a_server_that_knows_no_alerts_is_not_asked_for_them(tmp_path: Path) -> None:
    network = FakeNetwork()

    def older(request: httpx.Request) -> httpx.Response | None:
        if not request.url.path.endswith("/schedule"):
            return None
        assert "alerts_after" not in request.url.params
        return httpx.Response(200, json={"schedule": {}, "override": None, "override_version": 0})

    network.failure = older
    run = run_with(network, tmp_path, "stop")
    network.wait_for(lambda: sum(map(is_poll, network.requests)) == 2)
    assert (run.alerts, run.orders()) == ((), Orders())
    run.finish()


@pytest.mark.parametrize("on_alert", ["halt", {"warning": "halt"}, {"fatal": "stop"}, 3])
def test_a_reaction_that_cannot_be_is_refused(tmp_path: Path, on_alert: Any) -> None:
    with pytest.raises(ConfigError, match="on_alert"):
        resolved(tmp_path, on_alert=on_alert)
