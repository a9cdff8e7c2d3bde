"""Attach the dashboard to a FastAPI application."""

from typing import Annotated

from dash import Dash
from dash.backends._fastapi import reset_current_request, set_current_request
from fastapi import FastAPI, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse

from fade_dashboard import browser, shell
from fade_dashboard.api import ApiClient, ApiUnreachable, RunNotFound
from fade_dashboard.pages import alerts, compare, methods, run, runs, settings, steering
from fade_dashboard.templates import Wanted, templates


def create_dashboard(
    server: FastAPI, api: ApiClient, *, base: str = "/", compress: bool = False
) -> Dash:
    """Attach the dashboard to a FastAPI application.

    Every callback is a coroutine, because Dash calls them on the server's own event loop; what
    it draws is read over the HTTP API, by the browser and by ``api``. Nothing is global, so one
    process can hold several.

    Args:
        server: Gets the dashboard's routes. The HTTP API is under ``/api/v1`` of the same origin.
        api: Where the server side of the dashboard reads runs.
        base: Where the dashboard is, with a slash at both ends.
        compress: Whether answers are compressed; worth it where the network is not loopback.

    Returns:
        The application, with all callbacks defined.
    """
    app = Dash(
        "fade_dashboard",
        server=server,  # type: ignore[arg-type]  # Dash detects FastAPI; its annotation does not
        url_base_pathname=base,
        assets_folder=str(browser.ASSETS),
        assets_ignore=r"\.js$",  # they are in one file
        index_string=browser.index(base, shell.facts(base)),
        meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1"}],
        title="Fadewatch",
        update_title="",
        serve_locally=True,
        compress=compress,
        suppress_callback_exceptions=True,
        add_log_handler=False,
    )
    app.layout = lambda: shell.layout(base)
    shell.register(app, api, base)
    runs.register(app)
    run.register(app)
    compare.register(app)
    alerts.register(app)
    steering.register(app)
    methods.register(app)
    settings.register(app)
    browser.serve_scripts(server, base)
    _serve_templates(server, api, base)
    _serve_pages(server, app, base)
    return app


def content_security_policy(app: Dash) -> str:
    """Return the Content-Security-Policy that the dashboard's pages work under.

    Args:
        app: With all its callbacks defined: the policy names each inline script by its hash.
    """
    scripts = " ".join(["'self'", *app.csp_hashes()])
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src {scripts}",
            "style-src 'self' 'unsafe-inline'",  # plotly and Mantine write style elements
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


def _serve_templates(server: FastAPI, api: ApiClient, base: str) -> None:
    async def read_templates(wanted: Annotated[Wanted, Query()]) -> JSONResponse:
        try:
            made = await templates(api, wanted)
            return JSONResponse(made, headers={"Cache-Control": "no-store"})  # it names runs
        except RunNotFound as error:
            return JSONResponse({"detail": str(error)}, 404)
        except ApiUnreachable as error:
            return JSONResponse({"detail": str(error)}, 503)

    path = f"{base}{browser.FOLDER}templates"
    server.add_api_route(path, read_templates, include_in_schema=False)


def _serve_pages(server: FastAPI, app: Dash, base: str) -> None:
    # Dash adds a catch-all when the server starts, but for the newest app of the process only, and
    # without the assets when its first request ever is for a page below the root
    async def index(request: Request) -> HTMLResponse:
        token = set_current_request(request)  # type: ignore[no-untyped-call]
        try:
            app._setup_server()  # type: ignore[no-untyped-call]
            return HTMLResponse(app.index())  # type: ignore[no-untyped-call]
        finally:
            reset_current_request(token)  # type: ignore[no-untyped-call]

    for path in ("runs/{run_id}", *(path for _, _, path in shell.NAVIGATION if path)):
        server.add_api_route(f"{base}{path}", index, include_in_schema=False)
