"""The application: every part of the service put together."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any

import anyio.to_thread
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from fade_server.queries.channel import Channel
from fade_server.queries.engine import Store
from fade_server.routes import (
    alerts,
    events,
    health,
    keys,
    login,
    methods,
    retention,
    runs,
    schedule,
    series,
    sinks,
    steps,
    telemetry,
    transfer,
)
from fade_server.routes.bodies import BodyLimit
from fade_server.routes.docs import restore_nulls, say_who_may
from fade_server.routes.observing import Observer
from fade_server.routes.problems import add_problem_handlers
from fade_server.schema import prepare_engine, schema_problem, upgrade_database
from fade_server.security import KeyDoor, Limits
from fade_server.services import overrides
from fade_server.services.background import Background, Following, Job
from fade_server.services.context import Context
from fade_server.services.delivering import deliver_due
from fade_server.services.following import jobs_of, sweep
from fade_server.services.gauges import Gauges
from fade_server.services.imports import Importer
from fade_server.services.notifier import Notifier
from fade_server.services.periodic import Periodic
from fade_server.services.retention import prune_by_policy
from fade_server.services.worker import Worker
from fade_server.settings import Settings

__all__ = ["create_app", "schema_problem", "upgrade_database"]

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


VERSIONED = "/api/v1"

GZIP_FROM, GZIP_LEVEL = 1024, 1
"""Smaller answers go as they are, and the cheapest level has most of the gain."""

PARTS = (
    runs.router,
    steps.router,
    schedule.router,
    series.router,
    alerts.router,
    sinks.router,
    events.router,
    transfer.router,
    methods.router,
    keys.router,
    retention.router,
)


class Compression(GZipMiddleware):
    """gzip for the answers of the API; pages and their assets are somebody else's.

    Binary series are left alone: compressing float64 costs a chart more than it saves.
    """

    def __init__(self, app: ASGIApp) -> None:
        spared = (*DEFAULT_EXCLUDED_CONTENT_TYPES, "application/octet-stream")
        super().__init__(app, GZIP_FROM, GZIP_LEVEL, exclude_content_types=spared)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and compress the answer where the client takes that."""
        ours = scope["type"] == "http" and scope["path"].startswith(VERSIONED)
        await (super().__call__ if ours else self.app)(scope, receive, send)


class Service(FastAPI):
    """FastAPI that is watched, and whose documentation has the examples as they are written."""

    def build_middleware_stack(self) -> ASGIApp:
        """Put the observer around everything, whatever was added by others and when."""
        context: Context = self.state.context
        slow_s = context.settings.slow_request_s
        return Observer(super().build_middleware_stack(), context.telemetry, VERSIONED, slow_s)

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        document = super().openapi()
        for router in self.state.parts:
            restore_nulls(document, VERSIONED, router)
            say_who_may(document, VERSIONED, router)
        say_who_may(document, "", telemetry.router)
        return document


def create_app(
    settings: Settings,
    *,
    clock: Callable[[], float] = time.time,
    importer: Importer | None = None,
    worker: bool = False,
) -> FastAPI:
    """Return the service; ``security.guard`` puts the gate in front of it.

    The database is opened when the application starts: an embedded one is upgraded, and one
    that is behind stops the start.

    Args:
        settings: Limits and the database.
        clock: Seconds since the epoch; for tests.
        importer: Reads the logs of other tools; without one, ``/runs/import`` does not exist.
        worker: Whether levels and alerts are worked out in a process of their own, as is right
            where the application is served; otherwise in a thread, which starts at once.

    Raises:
        SettingError: The database URL is not one of SQLite or PostgreSQL.
    """
    store = Store(
        settings.database_url,
        connections=settings.database_connections,
        wait_s=settings.database_wait_s,
    )
    jobs: list[Job] = []
    channel = Channel(store.engine) if store.engine.dialect.name == "postgresql" else None
    notifier = Notifier(None if channel is None else channel.send)
    following: Following = Worker(settings, notifier.notify) if worker else Background(jobs)
    context = Context(store, settings, notifier, clock, following)
    jobs += jobs_of(context)
    door = KeyDoor(store, settings, clock)
    app = Service(
        title="Fadewatch",
        summary="Training dynamics of reinforcement-learning post-training.",
        version="1",
        openapi_url="/api/openapi.json",
        docs_url=None,  # its page loads scripts from elsewhere, which ours may not
        redoc_url=None,
        lifespan=_lifespan(context, channel, door),
    )
    app.state.context = context
    context.telemetry.registry.register(Gauges(context))
    app.state.door = door
    app.state.limits = Limits(settings)
    app.state.importer = importer
    app.state.parts = PARTS if importer is None else (*PARTS, transfer.import_router)
    app.add_middleware(BodyLimit, limit=settings.max_body_bytes)
    app.add_middleware(Compression)
    add_problem_handlers(app)
    for router in app.state.parts:
        app.include_router(router, prefix=VERSIONED)
    app.include_router(health.router)
    app.include_router(telemetry.router)
    app.include_router(login.router)
    # A page server that is attached later catches every path that is left; never these.
    app.add_api_route("/api/{rest:path}", _no_such_path, methods=METHODS, include_in_schema=False)
    return app


async def _no_such_path(rest: str) -> None:
    raise HTTPException(404, f"there is no such path: /api/{rest:.100}")


def _lifespan(
    context: Context, channel: Channel | None, door: KeyDoor
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            await anyio.to_thread.run_sync(prepare_engine, context.store.engine)
            context.background.start()
            if channel is not None:
                channel.start(context.notifier.wake)
            chores = _chores(context)
            for chore in chores:
                chore.start()
            yield
            grace_s = context.settings.grace_s
            for chore in chores:
                await anyio.to_thread.run_sync(chore.stop, grace_s)
            await anyio.to_thread.run_sync(context.background.stop, grace_s)
            if channel is not None:
                await anyio.to_thread.run_sync(channel.stop)
        finally:
            await door.keyring.finish()
            context.store.close()

    return lifespan


def _chores(context: Context) -> tuple[Periodic, ...]:
    settings = context.settings
    return (
        Periodic("fadewatch-sweep", settings.sweep_s, partial(sweep, context)),
        Periodic("fadewatch-overrides", settings.tick_s, partial(overrides.expire_due, context)),
        Periodic("fadewatch-prune", settings.prune_every_s, partial(prune_by_policy, context)),
        Periodic("fadewatch-deliveries", settings.delivery_poll_s, partial(deliver_due, context)),
    )
