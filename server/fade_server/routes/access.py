"""The scope that a route needs."""

from typing import Annotated, Any

from fastapi import Depends, Request

from fade_server.access import AccessScope, Caller
from fade_server.errors import ForbiddenError


def caller_of(request: Request) -> Caller:
    """Return who calls; without a gate in front, somebody who may do everything."""
    caller = getattr(request.state, "caller", None)
    return caller if isinstance(caller, Caller) else Caller("")


CallerDep = Annotated[Caller, Depends(caller_of)]


def needs(scope: AccessScope) -> Any:
    """Return the dependency of a route that only callers with this scope may use.

    Args:
        scope: Of ``SCOPES``.
    """

    def check(caller: CallerDep) -> None:
        if not caller.may(scope):
            raise ForbiddenError(
                f'this needs the scope "{scope}", the key has {", ".join(sorted(caller.scopes))}'
            )

    return Depends(check)
