"""Whether this process should be sent requests."""

from sqlalchemy.exc import DBAPIError

from fade_server.schema import engine_problem
from fade_server.services.context import Context


def readiness_problem(context: Context) -> str | None:
    """Return why this process cannot take requests now, or None.

    Args:
        context: The service's parts.
    """
    if context.ending.is_set():
        return "the server is shutting down"
    if (problem := engine_problem(context.store.engine)) is not None:
        return problem
    try:
        context.store.check_writable()
    except DBAPIError as error:
        return f"the database takes no changes: {error.orig}"
    return None
