"""The HTTP API for people and scripts: every endpoint as a method, every answer as a typed object.

    from fade_client.api import Client

    with Client() as api:                       # FADEWATCH_SERVER and FADEWATCH_API_KEY
        for run in api.runs(status="running", sort="accuracy"):
            print(run.name, run.last.get("accuracy"), run.headline)
        entropy = api.series(run.id, "entropy")["entropy"]
        entropy.step, entropy.value             # numpy arrays

``client``    ``Client``, put together from the calls below
``runs``      runs, their records, files and methods
``steering``  schedules and overrides
``alerts``    diagnosis, alerts, silences, sinks
``admin``     keys, retention, the audit trail, the service itself
``answers``   what comes back
``series``    curves as arrays
``events``    streams that go on after a reconnect
``http``      one request: tried again where that is safe, refused as an ``ApiError``
"""

from fade_client.api.client import Client
from fade_client.api.events import Event
from fade_client.api.series import Curve
from fade_client.errors import ApiError, ApiNotFound, ApiUnreachable, FieldProblem

__all__ = [
    "ApiError",
    "ApiNotFound",
    "ApiUnreachable",
    "Client",
    "Curve",
    "Event",
    "FieldProblem",
]
