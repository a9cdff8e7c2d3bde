"""A network with an HTTP API at its end that knows some runs."""

from typing import Any

import httpx

from fade_dashboard.api import ApiClient


def run_body(run_id: str, metrics: list[str], **changes: Any) -> dict[str, Any]:
    schedule = {"h_star": 0.62}
    return {"id": run_id, "name": run_id, "metrics": metrics, "schedule": schedule} | changes


def api_with(*bodies: dict[str, Any]) -> ApiClient:
    by_path = {f"/api/v1/runs/{body['id']}": body for body in bodies}

    def answer(request: httpx.Request) -> httpx.Response:
        body = by_path.get(request.url.path)
        return httpx.Response(404, json={}) if body is None else httpx.Response(200, json=body)

    return over(answer)


def over(answer: Any) -> ApiClient:
    transport = httpx.MockTransport(answer)
    return ApiClient(httpx.AsyncClient(transport=transport, base_url="http://service"))
