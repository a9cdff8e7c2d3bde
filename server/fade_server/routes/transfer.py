"""Whole runs in and out: export as a file, import of another tool's log."""

from typing import Annotated, Any, Literal, cast

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.datastructures import UploadFile

from fade_server.errors import refuse
from fade_server.routes import transfer_examples as examples
from fade_server.routes.access import CallerDep, needs
from fade_server.routes.bodies import ContextDep, plain_body
from fade_server.routes.docs import Responses, answers, inlined, problems
from fade_server.routes.etags import tag_of, unchanged
from fade_server.routes.runs import JSON, RunPath
from fade_server.routes.schemas import Identifier
from fade_server.routes.transfer_schemas import FileIn, ImportedOut
from fade_server.services import export, imports
from fade_server.services.codec import encode
from fade_server.services.imports import Importer, Upload

router = APIRouter(tags=["transfer"])
import_router = APIRouter(tags=["transfer"])
"""Only for a service that was given something that reads logs."""

_TEXT: dict[str, Any] = {"type": "string"}
_BYTES: dict[str, Any] = {"type": "string", "format": "binary"}
_FILE: Responses = {
    200: {
        "description": "The file.",
        "content": {
            "text/csv": {"schema": _TEXT, "example": examples.CSV},
            "application/jsonl": {"schema": _TEXT, "example": examples.JSONL},
            "application/vnd.apache.parquet": {"schema": _BYTES, "example": "PAR1..."},
        },
    },
    304: {"description": "Nothing changed since the ETag of If-None-Match."},
}


@router.get(
    "/runs/{run}/export",
    response_class=StreamingResponse,
    responses=_FILE | problems(404, 422, 503),
    dependencies=[needs("read")],
)
def export_run(
    request: Request,
    run: RunPath,
    context: ContextDep,
    format: Annotated[Literal["csv", "jsonl", "parquet"], Query()] = "csv",
    weights: Annotated[bool, Query(description="With raw rewards and advantages; jsonl.")] = False,
) -> Response:
    """Return every step that counts, as a file that can be imported again.

    Those that a later attempt replaced are not in it. `nan` and infinities are the texts `NaN`,
    `Infinity` and `-Infinity`; an empty cell was not measured. Parquet needs pyarrow on the
    server.
    """
    opened = export.open_export(context, run, format, weights)
    tag = tag_of(opened.version)
    if known := unchanged(request, tag):
        return known
    headers = {
        "ETag": tag,
        "Cache-Control": "no-cache",
        "Content-Disposition": f'attachment; filename="{opened.filename}"',
    }
    pieces = export.write(context, opened)
    return StreamingResponse(pieces, headers=headers, media_type=export.MEDIA_TYPES[format])


async def read_file(request: Request, context: ContextDep) -> tuple[str, bytes]:
    """Return the name and the content of a file: of a form, or the body itself."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        received = await request.body(), request.headers.get("content-encoding", "identity")
        content = plain_body(received, context.settings.max_body_bytes)
        return request.query_params.get("filename", ""), content
    async with request.form(max_files=1, max_fields=0) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise refuse("file", "must be a file of the form", sorted(form))
        return file.filename or "", await file.read()


FileDep = Annotated[tuple[str, bytes], Depends(read_file)]


@import_router.post(
    "/runs/import",
    status_code=201,
    responses=answers(
        ImportedOut, examples.IMPORTED, 400, 404, 409, 413, 415, 422, 503, status=201
    ),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/octet-stream": {"schema": _BYTES, "example": examples.LOG},
                "multipart/form-data": {"schema": inlined(FileIn), "example": {"file": "a.jsonl"}},
            },
        }
    },
    dependencies=[needs("ingest")],
)
def import_log(
    request: Request,
    file: FileDep,
    context: ContextDep,
    caller: CallerDep,
    project: Annotated[
        str | None, Query(examples=["countdown"], description="`imported` where it is left out.")
    ] = None,
    run_id: Annotated[Identifier | None, Query()] = None,
    format: Annotated[str | None, Query(max_length=64, examples=["jsonl"])] = None,
    filename: Annotated[
        str, Query(max_length=256, description="Of a file that is the body itself.")
    ] = "",
) -> Response:
    """Store the runs of another tool's log: all of it or, after an error, nothing.

    What the log's keys were taken for, the keys that kept their own names, and every line and
    value that was left out are in the answer. The same log again changes nothing.
    """
    name, content = file
    importer = cast(Importer, request.app.state.importer)
    upload = Upload(
        name or filename, content, format, project or caller.project or "imported", run_id
    )
    document = imports.import_log(context, importer, upload)
    return Response(encode(document), 201, media_type=JSON)
