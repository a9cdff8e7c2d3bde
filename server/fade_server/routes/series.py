"""Metrics over steps, and raw weights."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from fade_server.routes import examples
from fade_server.routes.access import needs
from fade_server.routes.bodies import ContextDep
from fade_server.routes.docs import answers
from fade_server.routes.etags import tag_of, unchanged
from fade_server.routes.runs import JSON, RunPath
from fade_server.routes.schemas import SeriesOut, WeightsOut
from fade_server.services import series, weights
from fade_server.services.batch import MAX_STEP
from fade_server.services.codec import encode
from fade_server.services.context import Context
from fade_server.services.downsample import MIN_POINTS
from fade_server.services.series import SeriesOfRun, SeriesQuery

router = APIRouter(tags=["series"])

BINARY = "application/octet-stream"
Step = Annotated[int, Query(ge=0, le=MAX_STEP)]


async def series_query(
    run: RunPath,
    metrics: Annotated[str, Query(min_length=1, examples=["accuracy,loss,mass_by_difficulty/3"])],
    first: Annotated[Step, Query(alias="from")] = 0,
    last: Annotated[Step, Query(alias="to")] = MAX_STEP,
    points: Annotated[int, Query(ge=MIN_POINTS, le=100_000)] = 1500,
) -> SeriesQuery:
    """Return the query that a request asks."""
    names = tuple(name for name in metrics.split(",") if name)
    return SeriesQuery(run, names, first, last, points)


QueryDep = Annotated[SeriesQuery, Depends(series_query)]


@router.get(
    "/runs/{run}/series",
    dependencies=[needs("read")],
    responses=answers(SeriesOut, examples.SERIES, 404, 422, 503)
    | {304: {"description": "Nothing changed since the ETag of If-None-Match."}},
)
def read_series(request: Request, query: QueryDep, context: ContextDep) -> Response:
    """Return metrics over steps: never more than `points` each, with every bucket's extremes.

    Metrics are scalar fields, `<vector>/<index>`, `adv_quantiles/<probability>`,
    `pass_at_k/<k>`, `extra/<name>`, `sign_ratio` (m_S over m_F), `time` (seconds since the
    epoch) and `schedule/alpha|delta|p_hat|h_hat|h_star`. Both ends of the range are included.
    """
    return _answer(request, query, context, series.series_json, JSON)


@router.get(
    "/runs/{run}/series.bin",
    response_class=Response,
    dependencies=[needs("read")],
    responses=answers(SeriesOut, examples.SERIES, 404, 422, 503)
    | {
        200: {
            "description": "Header length, JSON header, float64 columns.",
            "content": {
                BINARY: {
                    "schema": {"type": "string", "format": "binary"},
                    "example": "uint32 length | JSON header | float64 steps | float64 values ...",
                }
            },
        },
        304: {"description": "Nothing changed since the ETag of If-None-Match."},
    },
)
def read_series_binary(request: Request, query: QueryDep, context: ContextDep) -> Response:
    """Return the same as little-endian binary, for a browser.

    Four bytes hold the length of the JSON header, which is padded with spaces so that what
    follows starts at a multiple of eight: for each metric its steps, then its values.
    """
    return _answer(request, query, context, series.series_binary, BINARY)


@router.get(
    "/runs/{run}/weights/{step}",
    dependencies=[needs("read")],
    responses=answers(WeightsOut, examples.WEIGHTS, 404, 422, 503),
)
def read_weights(
    run: RunPath,
    step: Annotated[int, Path(ge=0, le=MAX_STEP, examples=[0])],
    context: ContextDep,
) -> Response:
    """Return the raw rewards and advantage weights of one step, a list a group."""
    return Response(encode(weights.read_weights(context, run, step)), media_type=JSON)


def _answer(
    request: Request,
    query: SeriesQuery,
    context: Context,
    form: Callable[[SeriesOfRun], bytes],
    media_type: str,
) -> Response:
    tag, body, known = "", None, None

    def is_news(revision: str) -> bool:
        nonlocal tag, body, known
        tag = tag_of(revision, query, media_type)
        known = unchanged(request, tag)
        body = context.answers.get(tag)
        return known is None and body is None

    found = series.read_series(context, query, is_news)
    if known:
        return known
    if found is not None:
        body = form(found)
        context.answers.keep(tag, body)
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    return Response(body, headers=headers, media_type=media_type)
