"""Raw advantage weights of one step."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fade_server.errors import NotFoundError
from fade_server.queries import runs as run_queries
from fade_server.queries import steps as step_queries
from fade_server.services.codec import wire_document
from fade_server.services.context import Context

ARRAYS = ("rewards", "advantages")


def read_weights(context: Context, run_id: str, step: int) -> dict[str, Any]:
    """Return the rewards and the advantages of a step, each as a list of groups.

    Args:
        context: The service's parts.
        run_id: The client's name for the run.
        step: A step whose weights were sent.

    Raises:
        NotFoundError: There is no such run, or no weights of this step.
    """
    with context.store.read() as session:
        run = run_queries.find_run(session, run_id)
        if run is None:
            raise NotFoundError(f'there is no run "{run_id}"')
        row = step_queries.find_weights(session, run.pk, step)
    if row is None:
        raise NotFoundError(f'run "{run_id}" has no raw weights of step {step}')
    return {
        "step": step,
        "prompts": row["prompts"],
        "group_size": row["group_size"],
        "sampled": row["sampled"],
        **{name: wire_document(group_array(row, name).tolist()) for name in ARRAYS},
    }


def group_array(row: dict[str, Any], name: str) -> NDArray[np.float32]:
    """Return the rewards or the advantages of a stored row, ``[P, G]``."""
    return np.frombuffer(row[name], dtype="<f4").reshape(row["prompts"], row["group_size"])
