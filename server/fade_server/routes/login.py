"""The login of the dashboard: two plain pages, and the cookies of a session."""

import html
from functools import cache
from pathlib import Path
from string import Template
from urllib.parse import parse_qs

import anyio.to_thread
from fastapi import APIRouter, Request, Response
from starlette.responses import HTMLResponse, RedirectResponse

from fade_server.access import Caller
from fade_server.security.door import Credentials, KeyDoor
from fade_server.security.limits import Limits
from fade_server.security.paths import local_path
from fade_server.services import audit
from fade_server.services.context import Context
from fade_server.services.sessions import SESSION_COOKIE, TOKEN_COOKIE, token_for

router = APIRouter(include_in_schema=False)

MAX_FORM_BYTES = 8192
PAGES = Path(__file__).parent.parent / "pages"
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)

_LOG_IN = """$problem<form method="post" action="/login">
<input type="hidden" name="next" value="$next">
<label for="secret">Key or password</label>
<input id="secret" name="secret" type="password" autocomplete="current-password" required autofocus>
<button type="submit">Log in</button>
</form>
<p class="hint">Keys are made with <code>fadewatch keys create NAME --scope read</code>.</p>"""

_LOG_OUT = """<form method="post" action="/logout">
<p>You are logged in as $name.</p>
<button type="submit">Log out</button>
</form>"""


@router.get("/login.css")
async def read_style() -> Response:
    """Return the style of the two pages."""
    headers = {"Cache-Control": "max-age=3600"}
    return Response(_read("login.css"), media_type="text/css", headers=headers)


@router.get("/login")
async def show_login(request: Request) -> Response:
    """Return the page, or go on when there is nothing to log in to."""
    wanted = local_path(request.query_params.get("next", "/"))
    door: KeyDoor = request.app.state.door
    if await door.is_keyless() or await _visitor(request) is not None:
        return RedirectResponse(wanted, 303)
    return _login_page(wanted)


@router.post("/login")
async def log_in(request: Request) -> Response:
    """Begin a session with a key or the password."""
    form = parse_qs((await _read_form(request)).decode("utf-8", "replace"))
    secret, wanted = (form.get(name, [""])[0] for name in ("secret", "next"))
    wanted = local_path(wanted)
    door: KeyDoor = request.app.state.door
    limits: Limits = request.app.state.limits
    address = request.client.host if request.client else ""
    entered = await door.log_in_with_key(secret.strip())
    if entered is None:
        wait = limits.guess_wait(address)
        if wait is not None:
            problem = f"Too many wrong keys from your address; try again in {wait} s."
            return _login_page(wanted, problem, 429, {"Retry-After": str(wait)})
        entered = await door.log_in_with_setting(secret)
    if entered is None:
        limits.count_guess(address)
        return _login_page(wanted, "That key is not valid, or it has ended.", 403)
    caller, cookie = entered
    await anyio.to_thread.run_sync(_note, request.app.state.context, caller, address)
    answer = RedirectResponse(wanted, 303)
    _set_cookies(request, answer, {SESSION_COOKIE: cookie, TOKEN_COOKIE: token_for(cookie)})
    return answer


@router.get("/logout")
async def show_logout(request: Request) -> Response:
    """Return the page with the button that ends the session."""
    caller = await _visitor(request)
    if caller is None:
        return RedirectResponse("/login", 303)
    return _page("Log out", Template(_LOG_OUT).substitute(name=html.escape(caller.name)))


@router.post("/logout")
async def log_out(request: Request) -> Response:
    """End the session in this browser."""
    answer = RedirectResponse("/login", 303)
    _set_cookies(request, answer, {SESSION_COOKIE: "", TOKEN_COOKIE: ""}, lifetime_s=0)
    return answer


async def _visitor(request: Request) -> Caller | None:
    session = Credentials.of(request.headers).session
    door: KeyDoor = request.app.state.door
    return await door.admit(Credentials(session=session)) if session else None


async def _read_form(request: Request) -> bytes:
    """Return the form, of which nobody needs more than a few hundred bytes."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_FORM_BYTES:
            return b""
    return body


def _note(context: Context, caller: Caller, address: str) -> None:
    with context.store.write() as session:
        detail = {"address": address}
        audit.record(session, context.clock(), caller.name, "login", caller.key_id, detail)


def _set_cookies(
    request: Request, answer: Response, cookies: dict[str, str], lifetime_s: int | None = None
) -> None:
    if lifetime_s is None:
        lifetime_s = int(request.app.state.context.settings.session_hours * 3600)
    for name, value in cookies.items():
        answer.set_cookie(
            name,
            value,
            max_age=lifetime_s,
            secure=request.url.scheme == "https",
            # Scripts repeat the token; they never see the session.
            httponly=name == SESSION_COOKIE,
            samesite="strict",
        )


def _login_page(
    wanted: str, problem: str = "", status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    said = f'<p class="problem" role="alert">{html.escape(problem)}</p>\n' if problem else ""
    content = Template(_LOG_IN).substitute(problem=said, next=html.escape(wanted))
    return _page("Log in", content, status, headers)


def _page(
    title: str, content: str, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    text = Template(_read("login.html")).substitute(title=title, content=content)
    own = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store"}
    return HTMLResponse(text, status, own | (headers or {}))


@cache
def _read(name: str) -> str:
    return (PAGES / name).read_text()
