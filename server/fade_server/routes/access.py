"""The scope that a route needs, and the project that a caller is bound to."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import anyio.to_thread
from fastapi import Depends, Request, params

from fade_server.access import AccessScope, Caller
from fade_server.errors import ForbiddenError, NotFoundError
from fade_server.queries import runs as run_queries
from fade_server.routes.bodies import ContextDep
from fade_server.services.context import Context


async def caller_of(request: Request) -> Caller:
    """Return who calls; without a gate in front, somebody who may do everything."""
    caller = getattr(request.state, "caller", None)
    return caller if isinstance(caller, Caller) else Caller("")


CallerDep = Annotated[Caller, Depends(caller_of)]


def _project_of_run(context: Context, run_id: str) -> str | None:
    with context.store.read() as session:
        run = run_queries.find_run(session, run_id)
    return None if run is None else run.project


def _itself(_: Context, project: str) -> str:
    return project


OWNERS: dict[str, Callable[[Context, str], str | None]] = {
    "project": _itself,
    "run": _project_of_run,
}
"""Which project the thing belongs to that a path or a query names; None: there is no such thing.

What else a path names, its service looks up for the caller, or only ``admin`` may: those keys are
never bound to a project."""


class Needs:
    """Lets in callers that have one of the scopes, to what is of their project.

    For a caller that is bound to a project everything of another one does not exist: a path or a
    query that names it is answered with 404.

    Args:
        scopes: Any of these; none for everyone whom the gate let in.
    """

    def __init__(self, scopes: tuple[AccessScope, ...]) -> None:
        self.scopes = scopes

    async def __call__(self, request: Request, caller: CallerDep, context: ContextDep) -> None:
        """Refuse callers that may not.

        Raises:
            ForbiddenError: None of the scopes is theirs.
            NotFoundError: The project is not theirs.
        """
        if self.scopes and not caller.may(*self.scopes):
            wanted = " or ".join(f'"{scope}"' for scope in self.scopes)
            has = ", ".join(sorted(caller.scopes))
            raise ForbiddenError(f"this needs the scope {wanted}, the key has {has}")
        if caller.project is None:
            return
        for name, owner in OWNERS.items():
            in_path = [request.path_params[name]] if name in request.path_params else []
            for value in in_path + request.query_params.getlist(name):
                project = await anyio.to_thread.run_sync(owner, context, value)
                if project is None or not caller.sees(project):
                    raise NotFoundError(f'there is no {name} "{value}"')


def needs(*scopes: AccessScope) -> Any:
    """Return the dependency of a route that only callers with one of these scopes may use.

    Args:
        scopes: Of ``SCOPES``.
    """
    return Depends(Needs(scopes))


def scopes_of(dependencies: Sequence[params.Depends]) -> tuple[AccessScope, ...] | None:
    """Return the scopes of which a route with these dependencies needs one; None: nobody said."""
    for dependency in dependencies:
        if isinstance(dependency.dependency, Needs):
            return dependency.dependency.scopes
    return None
