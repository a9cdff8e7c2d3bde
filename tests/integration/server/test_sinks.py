"""Messages reach people: signed, tried again, once each, and not into anybody's own network."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from fade_server.main import create_app
from fade_server.queries import sinks as sink_queries
from fade_server.services import delivering, webhook
from fade_server.settings import Settings
from tests.conftest import wait_until
from tests.helpers import ROOT
from tests.integration.server.alarms import NAN, alerts, losses, send
from tests.integration.server.api import Api, serve
from tests.integration.server.receiver import Receiver, receive

QUIET = [0.1] * 30


@pytest.fixture(scope="module")
def api(database_url: str) -> Iterator[Api]:
    settings = Settings(
        database_url=database_url, allow_private_targets=True, delivery_pause_s=0.05,
        delivery_poll_s=0.02, delivery_tries=3, public_url="https://monitor.example/",
    )  # fmt: skip
    with serve(create_app(settings)) as started:
        yield started


@contextmanager
def sink(api: Api, receiver: Receiver, run: str, **fields: Any) -> Iterator[dict[str, Any]]:
    """A webhook for one project of its own."""
    body = {"name": run, "kind": "webhook", "url": receiver.url, "project": "p"} | fields
    answer = api.post("/sinks", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    yield made
    assert api.request("DELETE", f"/sinks/{made['id']}").status_code == 200


def test_an_alert_is_told_once_signed_and_complete(api: Api) -> None:
    api.open_run("told")
    with receive() as receiver, sink(api, receiver, "told") as made:
        send(api, "told", losses([NAN] * 3))
        send(api, "told", losses([NAN] * 3, start=3))
        (body,) = receiver.wait(1)
        (delivery,) = _until_sent(api, made)
        message = json.loads(body)
        assert message["id"] == delivery["id"]
        assert (message["format"], message["event"]) == ("fadewatch.alert/1", "firing")
        assert message["run"]["id"] == "told"
        assert message["links"]["run"] == "https://monitor.example/runs/told"
        assert [one["detector"] for one in message["alerts"]] == ["non_finite"]
        assert message["alerts"][0]["advice"]
        assert message["headline"] == message["alerts"][0]["headline"]
        assert _verify()(body, receiver.headers[0][webhook.SIGNATURE], made["secret"])


def test_the_documented_check_of_a_signature_refuses_what_is_not_ours(api: Api) -> None:
    verify = _verify()
    body = b'{"a": 1}'
    signature = webhook.sign(body, "secret", int(api.context.clock()))
    assert verify(body, signature, "secret")
    assert not verify(body + b" ", signature, "secret")
    assert not verify(body, signature, "another")
    assert not verify(body, webhook.sign(body, "secret", 1), "secret"), "an old one"


def test_symptoms_join_and_the_end_is_told_to_who_was_told(api: Api) -> None:
    api.open_run("joined")
    with receive() as receiver, sink(api, receiver, "joined"):
        send(api, "joined", losses([NAN] * 2))
        receiver.wait(1)
        send(api, "joined", losses([NAN], start=2))
        receiver.wait(1)
        send(api, "joined", losses(QUIET, start=3))
        events = [json.loads(body)["event"] for body in receiver.wait(1)]
        assert events == ["firing", "escalated", "resolved"]


def test_a_sink_for_critical_alerts_hears_of_no_warning(api: Api) -> None:
    api.open_run("grave")
    with receive() as receiver, sink(api, receiver, "grave", severity="critical") as made:
        send(api, "grave", losses([NAN] * 2))
        send(api, "grave", losses(QUIET, start=2))
        assert _deliveries(api, made) == []
        send(api, "grave", losses([NAN] * 3, start=32))
        (body,) = receiver.wait(1)
        assert json.loads(body)["alerts"][0]["severity"] == "critical"


def test_nobody_is_told_of_what_is_silenced_until_it_turns_critical(api: Api) -> None:
    api.open_run("hushed")
    quiet = {"run": "hushed", "duration_s": 600, "reason": "known"}
    assert api.post("/silences", json=quiet).status_code == 201
    with receive() as receiver, sink(api, receiver, "hushed") as made:
        send(api, "hushed", losses([NAN] * 2))
        assert alerts(api, "hushed")[0]["silenced"]
        assert _deliveries(api, made) == []
        send(api, "hushed", losses([NAN], start=2))
        (body,) = receiver.wait(1)
        assert json.loads(body)["event"] == "escalated"


def test_a_warning_that_outlives_its_silence_is_told(api: Api) -> None:
    api.open_run("outlives")
    quiet = {"run": "outlives", "duration_s": 600, "reason": "known"}
    silence = api.post("/silences", json=quiet).json()
    with receive() as receiver, sink(api, receiver, "outlives") as made:
        send(api, "outlives", losses([NAN] * 2))
        assert _deliveries(api, made) == []
        assert api.request("DELETE", f"/silences/{silence['id']}").status_code == 200
        send(api, "outlives", losses([0.1], start=2))
        (body,) = receiver.wait(1)
        assert json.loads(body)["event"] == "firing"


def test_an_acknowledged_warning_that_turns_critical_is_told(api: Api) -> None:
    api.open_run("acked")
    with receive() as receiver, sink(api, receiver, "acked"):
        send(api, "acked", losses([NAN] * 2))
        receiver.wait(1)
        (alert,) = alerts(api, "acked")
        assert api.post(f"/alerts/{alert['id']}/ack", json={}).status_code == 200
        send(api, "acked", losses([NAN], start=2))
        assert json.loads(receiver.wait(1)[-1])["event"] == "escalated"


def test_a_critical_alert_that_came_and_went_unseen_is_told_all_the_same(api: Api) -> None:
    api.open_run("missed")
    with receive() as receiver, sink(api, receiver, "missed"):
        send(api, "missed", losses([NAN, NAN, NAN, *QUIET]))
        message = json.loads(receiver.wait(1)[0])
        assert message["event"] == "resolved"
        assert message["alerts"][0]["severity"] == "critical"


def test_what_was_imported_is_told_to_nobody(api: Api) -> None:
    api.open_run("old-log", tags=["imported"])
    with receive() as receiver, sink(api, receiver, "old-log") as made:
        send(api, "old-log", losses([NAN] * 3))
        assert alerts(api, "old-log")[0]["state"] == "firing"
        assert _deliveries(api, made) == []


def test_a_message_is_tried_again_until_it_is_taken(api: Api) -> None:
    api.open_run("retried")
    with receive([503, 500]) as receiver, sink(api, receiver, "retried") as made:
        send(api, "retried", losses([NAN] * 3))
        first, second, third = receiver.wait(3)
        assert first == second == third
        (delivery,) = _until_sent(api, made)
        assert (delivery["tries"], delivery["error"]) == (3, None)
        shown = api.get(f"/sinks/{made['id']}").json()["last_delivery"]
        assert shown["status"] == "sent"


def test_a_message_that_nobody_takes_is_given_up_visibly(api: Api) -> None:
    api.open_run("lost")
    with receive([500] * 3) as receiver, sink(api, receiver, "lost") as made:
        send(api, "lost", losses([NAN] * 3))
        receiver.wait(3)
        wait_until(lambda: _deliveries(api, made)[0]["status"] == "failed", "giving up")
        (delivery,) = _deliveries(api, made)
        assert (delivery["tries"], delivery["error"]) == (3, "answered 500")
        assert api.get(f"/sinks/{made['id']}").json()["last_delivery"]["error"] == "answered 500"
        failed = api.get("/deliveries", params={"status": "failed", "limit": 1}).json()
        assert failed["deliveries"] == [delivery]


def test_processes_that_deliver_at_once_send_every_message_once(
    database_url: str, api: Api
) -> None:
    settings = Settings(database_url=database_url, allow_private_targets=True)
    contexts = [create_app(settings).state.context for _ in range(3)]
    with receive() as receiver, sink(api, receiver, "crowd") as made, ThreadPoolExecutor(3) as pool:
        with api.context.store.write() as session:
            for number in range(20):
                columns = {
                    "sink_id": made["id"], "run_pk": None, "event": "test", "status": "due",
                    "message": {"number": number}, "tries": 0, "due_at": 0.0, "created_at": 0.0,
                }  # fmt: skip
                sink_queries.add_delivery(session, columns)
        list(pool.map(delivering.deliver_due, contexts))
        wait_until(
            lambda: all(one["status"] == "sent" for one in _deliveries(api, made)), "the messages"
        )
        numbers = [json.loads(body)["number"] for body in receiver.bodies]
        assert sorted(numbers) == list(range(20))
    for context in contexts:
        context.store.close()


def test_a_process_that_died_while_it_sent_leaves_the_message_to_another(api: Api) -> None:
    with receive() as receiver, sink(api, receiver, "died") as made:
        now = api.context.clock()
        columns = {
            "sink_id": made["id"], "run_pk": None, "event": "test", "status": "due",
            "message": {}, "tries": 0, "due_at": now + 3600.0, "created_at": now,
        }  # fmt: skip
        with api.context.store.write() as session:
            delivery = sink_queries.add_delivery(session, columns)
            assert sink_queries.claim_due(session, now + 3601.0, now + 0.2) is not None
        receiver.wait(1)
        assert [one["id"] for one in _until_sent(api, made)] == [delivery]


def test_a_test_button_says_at_once_how_it_went(api: Api) -> None:
    with receive([403]) as receiver, sink(api, receiver, "button") as made:
        refused = api.post(f"/sinks/{made['id']}/test").json()
        assert (refused["status"], refused["error"]) == ("failed", "answered 403")
        taken = api.post(f"/sinks/{made['id']}/test").json()
        assert (taken["status"], taken["error"]) == ("sent", None)
        assert json.loads(receiver.bodies[-1])["event"] == "test"


def test_a_service_that_apprise_knows_is_told_in_words(api: Api) -> None:
    api.open_run("chat")
    with receive() as receiver:
        url = receiver.url.replace("http://", "json://")
        with sink(api, receiver, "chat", kind="apprise", url=url) as made:
            assert made["secret"] is None
            send(api, "chat", losses([NAN] * 3))
            message = json.loads(receiver.wait(1)[0])
            assert message["title"].startswith("p/chat: critical: non_finite from step 0")
            assert "https://monitor.example/runs/chat" in message["message"]
            assert "Lower the learning rate" in message["message"]
            _until_sent(api, made)


def test_a_sink_is_shown_and_changed_without_its_credentials(api: Api) -> None:
    with receive() as receiver:
        secret = receiver.url.replace("//", "//ada:s3cret@") + "?token=s3cret"
        with sink(api, receiver, "masked", url=secret) as made:
            assert made["url"] == receiver.url.replace("hook", "...")
            body = {"name": "masked again", "kind": "webhook", "severity": "critical"}
            changed = api.request("PUT", f"/sinks/{made['id']}", json=body)
            assert changed.status_code == 200
            assert (changed.json()["severity"], changed.json()["url"]) == ("critical", made["url"])
            assert api.post(f"/sinks/{made['id']}/test").json()["status"] == "sent"
            listed = api.get("/sinks")
            assert "s3cret" not in listed.text + changed.text
            assert "secret" not in listed.json()["sinks"][0]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "webhook"}, "url"),
        ({"kind": "webhook", "url": "ftp://example.com"}, "url"),
        ({"kind": "webhook", "url": "http://[::1"}, "url"),
        ({"kind": "webhook", "url": "http://nowhere.invalid/x"}, "url"),
        ({"kind": "apprise", "url": "nonsense"}, "url"),
        ({"kind": "apprise", "url": "nonsense://a/b"}, "url"),
        ({"kind": "pigeon", "url": "http://example.com"}, "kind"),
        ({"kind": "webhook", "url": "http://127.0.0.1", "severity": "grave"}, "severity"),
        ({"kind": "webhook", "url": "http://127.0.0.1", "name": " "}, "name"),
    ],
)
def test_a_sink_that_cannot_be_is_refused_by_name(
    api: Api, body: dict[str, Any], field: str
) -> None:
    answer = api.post("/sinks", json={"name": "odd"} | body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == field
    assert all(one["name"] != "odd" for one in api.get("/sinks").json()["sinks"])


def test_two_sinks_cannot_have_one_name(api: Api) -> None:
    with receive() as receiver, sink(api, receiver, "twin"):
        body = {"name": "twin", "kind": "webhook", "url": receiver.url}
        assert api.post("/sinks", json=body).status_code == 409
    assert api.get("/sinks/999999").status_code == 404


def _deliveries(api: Api, made: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get("/deliveries", params={"sink": made["id"]}).json()[
        "deliveries"
    ]
    return found


def _until_sent(api: Api, made: dict[str, Any]) -> list[dict[str, Any]]:
    def sent() -> bool:
        found = _deliveries(api, made)
        return bool(found) and all(one["status"] == "sent" for one in found)

    wait_until(sent, "the delivery")
    return _deliveries(api, made)


def _verify() -> Any:
    """Return the function that the documentation gives to receivers."""
    page = (ROOT / "docs" / "alerts.md").read_text()
    (snippet,) = [
        part.partition("```")[0] for part in page.split("```python\n")[1:] if "def verify" in part
    ]
    names: dict[str, Any] = {}
    exec(snippet, names)
    return names["verify"]
