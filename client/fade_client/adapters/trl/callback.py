"""The trainer's events: opens and ends the run, and puts its state in the checkpoint."""

import importlib
from collections.abc import Mapping
from typing import Any, Protocol

from fade_client.alerts import Orders

NAME = "FadewatchCallback"
"""Key of the state in ``trainer_state.json``."""


class Listener(Protocol):
    """What happens at the trainer's events."""

    def train_began(self, saved: Mapping[str, Any] | None) -> None:
        """Training starts, or goes on from a checkpoint with this state."""

    def step_ended(self, *, will_log: bool) -> None:
        """An optimizer step is done."""

    def take_orders(self) -> Orders | None:
        """Return what the alerts ask of the training, once; None for nothing."""

    def logged(self, logs: Mapping[str, Any]) -> None:
        """The trainer logged."""

    def train_ended(self) -> None:
        """Training ended as planned."""

    def state(self) -> dict[str, Any] | None:
        """Return what a checkpoint needs, or None where there is nothing to keep."""


def make_callback(listener: Listener) -> Any:
    """Return a transformers callback that tells a listener of the trainer's events.

    Args:
        listener: Who wants to know.
    """
    # transformers is there when a trainer is; this module must be importable without it.
    callbacks = importlib.import_module("transformers.trainer_callback")

    def make_again(_self: Any) -> None:
        """Take no arguments: restore_callback_states_from_checkpoint makes callbacks anew."""

    def on_train_begin(self: Any, *event: Any, **_: Any) -> None:
        state = event[1]
        known = state.stateful_callbacks or {}
        listener.train_began(_run_state(known.get(NAME)))
        # A checkpoint from before the hook has no such key, and saving would fail without it.
        state.stateful_callbacks = {**known, NAME: self.state()}

    def on_step_end(_self: Any, *event: Any, **_: Any) -> None:
        listener.step_ended(will_log=event[2].should_log)
        if orders := listener.take_orders():
            obey(orders, event[1], event[2])

    def on_log(_self: Any, *_event: Any, logs: Any = None, **_: Any) -> None:
        listener.logged(logs or {})

    def on_train_end(_self: Any, *_event: Any, **_: Any) -> None:
        listener.train_ended()

    def state(_self: Any) -> dict[str, Any]:
        return {"args": {}, "attributes": {"saved": listener.state()}}

    members = {"__init__": make_again, "state": state, "saved": None, "__doc__": __doc__}
    events = {"on_train_begin": on_train_begin, "on_step_end": on_step_end}
    events |= {"on_log": on_log, "on_train_end": on_train_end}
    bases = (callbacks.TrainerCallback, callbacks.ExportableState)
    return type(NAME, bases, members | events)()


def obey(orders: Orders, state: Any, control: Any) -> None:
    """Have the trainer do what the alerts ask for, and say why in its own history.

    Args:
        orders: What they ask for.
        state: The trainer's state.
        control: The trainer's control.
    """
    asked = {"checkpoint": orders.checkpoint, "stop": orders.stop}
    why = {f"fade/{order}": reason for order, reason in asked.items() if reason}
    if why:
        state.log_history.append({**why, "step": state.global_step})
    control.should_save = control.should_save or bool(orders.checkpoint)
    control.should_training_stop = control.should_training_stop or bool(orders.stop)


def _run_state(found: Any) -> Mapping[str, Any] | None:
    entry = found[0] if isinstance(found, list) and found else found
    if not isinstance(entry, Mapping):
        return None
    saved = entry.get("attributes", {}).get("saved")
    return saved if isinstance(saved, Mapping) else None
