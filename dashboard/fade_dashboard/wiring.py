"""How components are wired to the browser's functions, and named for screen readers."""

from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State


def in_browser(
    app: Dash, function: str, *ends: Input | Output | State, at_start: bool = True
) -> None:
    """Have one of the dashboard's browser functions called.

    Args:
        app: The application it belongs to.
        function: Its name in ``assets``.
        ends: What it writes, what starts it, what else it reads.
        at_start: Whether it is also called when its components appear.
    """
    reference = ClientsideFunction("fadewatch", function)
    app.clientside_callback(  # type: ignore[no-untyped-call]
        reference, *ends, prevent_initial_call=not at_start
    )


def named(name: str) -> dict[str, Any]:
    """Return the attribute that tells a screen reader what a component is.

    Args:
        name: In words.
    """
    return {"aria-label": name}


def acts(name: str, key: str = "") -> dict[str, Any]:
    """Return the attributes that have the browser act on a click, without a callback.

    Args:
        name: Of the action, in ``assets/fadewatch_actions.js``.
        key: What it is for, such as a panel's key.
    """
    return {"data-act": name, "data-key": key}
