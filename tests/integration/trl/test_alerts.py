"""Alerts in a real TRL training: what the hook makes the trainer do."""

import threading
from pathlib import Path
from typing import Any

import pytest

import fade_client
import fade_client.trl
from fade_client.alerts import Alert
from fade_client.endpoints import Reply
from tests.integration.trl.helpers import ending, example, spools, steps_of, trainer

NOBODY = "http://127.0.0.1:9"


def alerted(version: int, **changes: Any) -> Reply:
    """Return what the server answers while this alert is open."""
    alert = Alert(1, "entropy_collapse", "critical")
    fields = {name: getattr(alert, name) for name in alert.__struct_fields__}
    return Reply(alert_version=version, alerts=(Alert(**(fields | changes)),))


def train(directory: Path, on_alert: Any, during: Any, **changes: Any) -> Any:
    """Train; ``during`` is called with the attachment and the number of each batch."""
    batches: list[int] = []

    def rewards(**given: Any) -> list[float]:
        batches.append(len(batches))
        during(attachment, batches[-1])
        return list(example().accuracy_reward(**given))

    watched = trainer(directory, rewards, **({"max_steps": 6} | changes))
    attachment = fade_client.trl.attach(
        watched, project="p", dir=directory, server=NOBODY, on_alert=on_alert
    )
    watched.train()
    return watched


def alert_in_batch_one(attachment: Any, batch: int) -> None:
    if batch == 1:
        attachment.run.receive(alerted(1, first_step=1, onset_step=1))


def test_an_alert_that_stops_ends_the_training_and_says_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watched = train(tmp_path, "stop", alert_in_batch_one)
    # It came during batch 1, so batch 2 is the next one that can be told.
    assert watched.state.global_step == 3
    why = "alert 1, critical: entropy_collapse from step 1"
    (row,) = [row for row in watched.state.log_history if "fade/stop" in row]
    assert row == {"fade/stop": why, "step": 3}
    assert f"{why}; the trainer is to stop" in caplog.text
    assert [step["step"] for step in steps_of(tmp_path)] == [0, 1, 2]
    assert [ending(spool) for spool in spools(tmp_path)] == ["finished"]


def test_an_alert_saves_one_checkpoint_and_the_training_goes_on(tmp_path: Path) -> None:
    watched = train(tmp_path, {"critical": "checkpoint"}, alert_in_batch_one)
    assert watched.state.global_step == 6
    assert [path.name for path in tmp_path.glob("checkpoint-*")] == ["checkpoint-3"]


def test_an_alert_pauses_the_training_until_it_is_acknowledged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[bool] = []

    def during(attachment: Any, batch: int) -> None:
        alert_in_batch_one(attachment, batch)
        if batch == 1:
            acknowledge = threading.Thread(target=when_paused, args=(attachment.run,))
            acknowledge.start()

    def when_paused(run: Any) -> None:
        waiting = threading.Event()
        while "paused until it is acknowledged" not in caplog.text:
            waiting.wait(0.02)
        seen.append(run.alerts[0].state == "firing")
        run.receive(alerted(2, state="acknowledged"))

    watched = train(tmp_path, "pause", during)
    assert seen == [True]
    assert watched.state.global_step == 6


def test_without_on_alert_the_training_takes_no_notice(tmp_path: Path) -> None:
    watched = train(tmp_path, None, alert_in_batch_one, max_steps=4)
    assert watched.state.global_step == 4
    assert not any("fade/stop" in row for row in watched.state.log_history)
