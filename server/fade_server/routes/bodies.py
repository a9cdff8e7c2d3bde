"""Reading a body: its size, its encoding, its JSON."""

import zlib
from typing import Annotated, Any, cast

import orjson
from fastapi import Depends, Request
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fade_server.errors import EncodingError, MalformedError, TooLargeError
from fade_server.routes.problems import problem_response
from fade_server.services.context import Context


# What waits for nothing is `async`: FastAPI would send a plain function through a thread.
async def get_context(request: Request) -> Context:
    """Return the service's parts, which ``create_app`` put on the application."""
    return cast(Context, request.app.state.context)


ContextDep = Annotated[Context, Depends(get_context)]


async def read_body(request: Request) -> tuple[bytes, str]:
    """Return the body as it came, and its content encoding."""
    return await request.body(), request.headers.get("content-encoding", "identity").lower()


BodyDep = Annotated[tuple[bytes, str], Depends(read_body)]


def decode_json(body: tuple[bytes, str], limit: int) -> Any:
    """Return the builtins of a JSON body that may be compressed.

    Args:
        body: Bytes and content encoding.
        limit: Most bytes after decompression.

    Raises:
        EncodingError: The encoding is neither gzip nor identity.
        MalformedError: It is not gzip, or not JSON.
        TooLargeError: It is larger than the limit once decompressed.
    """
    try:
        return orjson.loads(plain_body(body, limit))
    except orjson.JSONDecodeError as error:
        raise MalformedError(f"the body is not JSON: {error}") from error


def plain_body(body: tuple[bytes, str], limit: int) -> bytes:
    """Return a body that may be compressed as it was before.

    Raises:
        EncodingError, MalformedError, TooLargeError: As ``decode_json``.
    """
    raw, encoding = body
    if encoding == "gzip":
        return _gunzip(raw, limit)
    if encoding not in ("", "identity"):
        raise EncodingError(f'content encoding must be gzip or identity, got "{encoding:.40}"')
    return raw


def _gunzip(raw: bytes, limit: int) -> bytes:
    gzip_window = 16 + zlib.MAX_WBITS
    reader = zlib.decompressobj(gzip_window)
    try:
        plain = reader.decompress(raw, limit + 1)
    except zlib.error as error:
        raise MalformedError(f"the body is not gzip: {error}") from error
    if len(plain) > limit:
        raise TooLargeError(f"the body is over {limit} bytes after decompression")
    if not reader.eof or reader.unused_data:
        raise MalformedError("the body is not one whole gzip member")
    return plain


class BodyLimit:
    """Refuse bodies over the limit, as soon as it is known that they are.

    Args:
        app: The application inside.
        limit: Most bytes.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app, self._limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting its bytes."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        message = f"the body is over {self._limit} bytes; send it in smaller batches"
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self._limit:
            return await problem_response(413, message)(scope, receive, send)
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            part = await receive()
            seen += len(part.get("body", b""))
            if seen > self._limit:
                # FastAPI lets only this class through while it reads a body.
                raise HTTPException(413, message)
            return part

        await self._app(scope, counted, send)
