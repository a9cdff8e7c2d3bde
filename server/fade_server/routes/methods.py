"""What a run's advantage function and KL penalty are, and what others would have done."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from fade_server.routes import methods_examples as examples
from fade_server.routes.access import needs
from fade_server.routes.bodies import ContextDep
from fade_server.routes.docs import answers
from fade_server.routes.methods_schemas import AuditOfRunOut, WhatIfOut
from fade_server.routes.runs import JSON, RunPath
from fade_server.services import methods
from fade_server.services.batch import MAX_STEP
from fade_server.services.codec import encode

router = APIRouter(tags=["methods"])

Step = Annotated[int, Query(ge=0, le=MAX_STEP)]


@router.get(
    "/runs/{run}/whatif",
    responses=answers(WhatIfOut, examples.WHAT_IF, 404, 422, 503),
    dependencies=[needs("read")],
)
def what_if(
    run: RunPath,
    context: ContextDep,
    advantage: Annotated[
        str,
        Query(
            max_length=1000,
            examples=["fade,grpo,power:alpha=2"],
            description="Methods with commas between; parameters as `:name=number`.",
        ),
    ] = "fade,grpo,maxrl",
    first: Annotated[Step, Query(alias="from")] = 0,
    last: Annotated[Step, Query(alias="to")] = MAX_STEP,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Response:
    """Return the gradient masses that other advantage functions would have given.

    On the raw rewards that the run recorded: what each would have weighed, not where it would
    have led. `fade` without parameters uses the pair that was in force. Of more than `limit`
    steps, evenly spaced ones are used; `steps` says which.
    """
    document = methods.what_if(
        context, run, advantage=advantage, first=first, last=last, limit=limit
    )
    return Response(encode(document), media_type=JSON)


@router.get(
    "/runs/{run}/audit",
    responses=answers(AuditOfRunOut, examples.AUDIT, 404, 422, 503),
    dependencies=[needs("read")],
)
def audit_run(run: RunPath, context: ContextDep) -> Response:
    """Return the verdict on the KL penalty, and which advantage function the weights came from.

    `kl` is what the hook stored when the run was opened; `advantage` is told by the newest raw
    weights. Each is null where nothing was recorded.
    """
    return Response(encode(methods.audit_run(context, run)), media_type=JSON)
