"""The documentation: complete, and its examples are really sent."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from fade_core.records import SCALARS, VECTORS
from fade_server.main import create_app
from fade_server.routes import (
    alert_schemas,
    examples,
    keys_schemas,
    methods_schemas,
    retention,
    run_schemas,
    schemas,
    sink_schemas,
    transfer_schemas,
)
from fade_server.settings import Settings
from fadewatch.uploads import read_upload
from tests.integration.server.api import Api, serve

STREAMS = {("get", "/api/v1/events"), ("get", "/api/v1/runs/{run}/events")}
"""Never end; ``test_events`` reads them."""

METHODS = ("get", "put", "post", "delete", "patch")


@pytest.fixture
def api(tmp_path: object) -> Iterator[Api]:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/fade.db")
    app = create_app(settings, importer=read_upload)
    with serve(app, "http://127.0.0.1") as started:
        yield started


@pytest.fixture
def document(api: Api) -> dict[str, Any]:
    loaded: dict[str, Any] = api.get("/api/openapi.json").json()
    return loaded


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def test_every_operation_says_what_it_does_and_shows_each_body_and_answer(
    document: dict[str, Any],
) -> None:
    for path, method, operation in _operations(document):
        place = f"{method} {path}"
        assert operation["summary"], place
        assert operation["description"], place
        answers = operation["responses"]
        assert any(code.startswith("2") for code in answers), place
        for code, answer in answers.items():
            if code not in ("204", "304"):
                assert answer["content"], (place, code)
                for media_type, content in answer["content"].items():
                    assert "example" in content, (place, code)
                    assert "schema" in content, (place, code)
                    assert code < "400" or media_type == "application/problem+json", (place, code)
        for content in operation.get("requestBody", {}).get("content", {}).values():
            assert "example" in content or "examples" in content, place
            assert "schema" in content, place


def test_the_examples_of_bodies_are_taken_and_those_of_answers_have_their_shape(
    api: Api, document: dict[str, Any]
) -> None:
    run = examples.RUN_IN["run_id"]
    names = {"project": "countdown", "run": run, "step": 0, "alert": 1, "silence": 1, "sink": 1}
    sent: list[tuple[str, str, int, type[BaseModel] | None]] = [
        ("post", "/api/v1/projects/{project}/runs", 201, schemas.OpenedOut),
        ("post", "/api/v1/runs/{run}/steps", 200, schemas.AcceptedOut),
        ("put", "/api/v1/runs/{run}/schedule/override", 200, alert_schemas.LiveOut),
        ("get", "/api/v1/runs", 200, schemas.RunsOut),
        ("get", "/api/v1/runs/{run}", 200, schemas.RunOut),
        ("get", "/api/v1/projects", 200, run_schemas.ProjectsOut),
        ("get", "/api/v1/runs/{run}/series", 200, schemas.SeriesOut),
        ("get", "/api/v1/runs/{run}/series.bin", 200, None),
        ("get", "/api/v1/runs/{run}/schedule", 200, alert_schemas.LiveOut),
        ("get", "/api/v1/runs/{run}/schedule/history", 200, schemas.TrailOut),
        ("get", "/api/v1/runs/{run}/schedule/changes", 200, alert_schemas.ChangesOut),
        ("get", "/api/v1/runs/{run}/weights/{step}", 200, schemas.WeightsOut),
        ("get", "/api/v1/runs/{run}/export", 200, None),
        ("post", "/api/v1/runs/import", 201, transfer_schemas.ImportedOut),
        ("delete", "/api/v1/runs/{run}/schedule/override", 200, alert_schemas.LiveOut),
        ("post", "/api/v1/runs/{run}/preview", 200, alert_schemas.PreviewOut),
        ("get", "/api/v1/runs/{run}/diagnosis", 200, alert_schemas.DiagnosisOut),
        ("get", "/api/v1/runs/{run}/alerts", 200, alert_schemas.AlertsOut),
        ("get", "/api/v1/alerts", 200, alert_schemas.AlertsOut),
        ("post", "/api/v1/alerts/{alert}/ack", 200, alert_schemas.AlertOut),
        ("post", "/api/v1/alerts/{alert}/unack", 200, alert_schemas.AlertOut),
        ("post", "/api/v1/silences", 201, alert_schemas.SilenceOut),
        ("get", "/api/v1/silences", 200, alert_schemas.SilencesOut),
        ("delete", "/api/v1/silences/{silence}", 200, alert_schemas.SilenceOut),
        ("post", "/api/v1/sinks", 201, sink_schemas.MadeSinkOut),
        ("get", "/api/v1/sinks", 200, sink_schemas.SinksOut),
        ("put", "/api/v1/sinks/{sink}", 200, sink_schemas.SinkOut),
        ("get", "/api/v1/sinks/{sink}", 200, sink_schemas.SinkOut),
        ("post", "/api/v1/sinks/{sink}/test", 200, sink_schemas.DeliveryOut),
        ("get", "/api/v1/deliveries", 200, sink_schemas.DeliveriesOut),
        ("delete", "/api/v1/sinks/{sink}", 200, sink_schemas.SinkOut),
        ("post", "/api/v1/runs/{run}/finish", 200, schemas.RunOut),
        ("get", "/api/v1/runs/{run}/whatif", 200, methods_schemas.WhatIfOut),
        ("get", "/api/v1/runs/{run}/audit", 200, methods_schemas.AuditOfRunOut),
        ("put", "/api/v1/projects/{project}/retention", 200, retention.PolicyOut),
        ("get", "/api/v1/projects/{project}/retention", 200, retention.PolicyOut),
        ("delete", "/api/v1/projects/{project}/retention", 200, retention.PolicyOut),
        ("patch", "/api/v1/runs/{run}", 200, schemas.RunOut),
        ("delete", "/api/v1/runs/{run}", 204, None),
        ("get", "/api/v1/me", 200, keys_schemas.MeOut),
        ("post", "/api/v1/keys", 201, keys_schemas.NewKeyOut),
        ("get", "/api/v1/keys", 200, keys_schemas.KeysOut),
        ("delete", "/api/v1/keys/{key_id}", 200, keys_schemas.KeyOut),
        ("get", "/api/v1/audit", 200, keys_schemas.TrailPageOut),
        ("get", "/healthz", 200, schemas.HealthOut),
        ("get", "/readyz", 200, schemas.HealthOut),
        ("get", "/metrics", 200, None),
    ]
    known = {(m, p) for m, p, _, _ in sent} | STREAMS
    assert known == {(m, p) for p, m, _ in _operations(document)}
    for method, path, status, model in sent:
        operation = document["paths"][path][method]
        if path == "/api/v1/runs/{run}/diagnosis":
            _let_an_alert_fire(api, names["run"])
        url = path.format(**names)
        query = {"metrics": "accuracy,loss"} if "series" in path else None
        answer = api.request(method.upper(), url, params=query, **_body(operation))
        assert answer.status_code == status, (path, answer.text)
        if path.endswith("/keys") and method == "post":
            names["key_id"] = answer.json()["id"]
        if model is not None:
            shown = operation["responses"][str(status)]["content"]["application/json"]["example"]
            model.model_validate(shown, strict=True, extra="forbid")
            model.model_validate(answer.json(), strict=True, extra="forbid")


def test_the_example_answer_of_a_batch_is_the_true_one(api: Api) -> None:
    api.post("/api/v1/projects/countdown/runs", json=examples.RUN_IN)
    run = examples.RUN_IN["run_id"]
    answer = api.post(f"/api/v1/runs/{run}/steps", json=examples.STEPS_IN)
    assert answer.json() == examples.ACCEPTED
    assert api.get(f"/api/v1/runs/{run}/weights/0").json() == examples.WEIGHTS


def test_the_documentation_of_a_batch_names_every_field(document: dict[str, Any]) -> None:
    operation = document["paths"]["/api/v1/runs/{run}/steps"]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    described = str(schema)
    assert [name for name in (*SCALARS, *VECTORS) if name not in described] == []
    assert "$ref" not in described


def _let_an_alert_fire(api: Api, run: str) -> None:
    body = {"attempt": 1, "steps": [2, 3], "columns": {"loss": ["NaN", "NaN"]}}
    assert api.post(f"/api/v1/runs/{run}/steps", json=body).status_code == 200
    assert api.context.background.wait_idle(20)


def _body(operation: dict[str, Any]) -> dict[str, Any]:
    (media_type, content), *_ = operation.get("requestBody", {}).get("content", {"": {}}).items()
    if not media_type:
        return {}
    if "examples" in content:
        (example,) = content["examples"].values()
        return {"json": example["value"]}
    name = "json" if media_type == "application/json" else "content"
    return {name: content["example"]}
