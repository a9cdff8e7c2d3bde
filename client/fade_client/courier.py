"""Carry one spool file to the server, from the confirmed offset on."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from fade_client.endpoints import Api, Reply
from fade_client.errors import Refused, RunUnknown
from fade_client.frames import FinishFrame, StepFrame, read_frames
from fade_client.ledger import Ledger
from fade_client.spool import (
    Ack,
    ack_path,
    read_ack,
    read_header,
    rejected_path,
    write_ack,
)
from fade_client.wire import batch_body, strict

log = logging.getLogger("fade_client")

MAX_STEPS = 256
MAX_BYTES = 1 << 20
"""Spooled bytes in one batch; it may be one frame more."""

RESTART_BYTES = 64 << 20
"""A spool of a living run that is larger and wholly confirmed is emptied."""

Restart = Callable[[int, Callable[[], None]], bool]


@dataclass(frozen=True, slots=True)
class Batch:
    """Neighbouring steps of a spool, each with the offset after it, and what follows them."""

    steps: list[tuple[StepFrame, int]]
    end: int
    finish: FinishFrame | None


class Courier:
    """Deliver what a spool holds, each step once, in order; the file itself is the queue.

    Args:
        path: The spool.
        api: The server.
        ledger: Counts what was confirmed and rejected.
        on_reply: Handed every answer of the server.
        on_registered: Called whenever the server was told of the run.
        restart: Empties the file of a living run, see ``SpoolWriter.restart``; None to let it
            grow.

    Raises:
        SpoolError: The file is not a spool.
        OSError: It cannot be read.
    """

    def __init__(
        self,
        path: Path,
        api: Api,
        ledger: Ledger,
        *,
        on_reply: Callable[[Reply], None] | None = None,
        on_registered: Callable[[], None] | None = None,
        restart: Restart | None = None,
    ) -> None:
        self.header, self._start = read_header(path)
        self.delivered = False
        self._path, self._api, self._ledger = path, api, ledger
        self._on_reply, self._restart = on_reply or _ignore, restart
        self._on_registered = on_registered
        self._attempt, self._registered = 0, False
        ack = read_ack(path)
        self._offset = max(ack.offset, self._start)
        ledger.confirmed, ledger.rejected = ack.confirmed, ack.rejected

    def drain(self) -> None:
        """Deliver everything that is in the spool now, and the finish if it is there.

        Raises:
            Refused: The server will not have this run.
            RunUnknown, Unavailable: The rest has to wait.
            OSError: The spool cannot be read, or its progress not be written.
        """
        try:
            self._deliver()
        except RunUnknown:
            # A server that lost its database; told who we are, it takes the records.
            self._registered = False
            self._deliver()

    def discard(self) -> None:
        """Delete the spool, whose every record the server has confirmed."""
        self._path.unlink(missing_ok=True)
        ack_path(self._path).unlink(missing_ok=True)

    def _deliver(self) -> None:
        if not self._registered:
            self._register()
        with self._path.open("rb") as file:
            while (batch := self._next(file)).end > self._offset:
                if batch.steps:
                    self._send(batch.steps)
                if batch.finish:
                    self._api.finish(self.header.run_id, self._attempt, batch.finish.status)
                    self.delivered = True
                self._settle(batch.end)
        self._empty_if_large()

    def _register(self) -> None:
        reply = self._api.register(self.header)
        if reply.created and self._offset > self._start:
            log.warning("the server has lost run %s; sending it again", self.header.run_id)
            self._offset = self._start
            self._ledger.confirmed = 0
        self._attempt, self._registered = reply.attempt, True
        self._on_reply(reply)
        if self._on_registered:
            self._on_registered()

    def _next(self, file: BinaryIO) -> Batch:
        steps: list[tuple[StepFrame, int]] = []
        end = self._offset
        for frame, after in read_frames(file, self._offset):
            end = after
            if isinstance(frame, FinishFrame):
                return Batch(steps, end, frame)
            if isinstance(frame, StepFrame):
                steps.append((frame, after))
            if len(steps) >= MAX_STEPS or end - self._offset >= MAX_BYTES:
                break
        return Batch(steps, end, None)

    def _send(self, steps: list[tuple[StepFrame, int]]) -> None:
        try:
            self._post(steps)
        except Refused as error:
            # One bad record refuses its whole batch, so it is looked for by halves.
            if len(steps) == 1:
                self._reject(steps[0][0], error)
            else:
                middle = len(steps) // 2
                self._send(steps[:middle])
                self._send(steps[middle:])
                return
        self._settle(steps[-1][1])

    def _post(self, steps: list[tuple[StepFrame, int]]) -> None:
        frames = [frame for frame, _ in steps]
        body = batch_body(self._attempt, frames, self.header.weights_every, self._ledger.drop)
        reply = self._api.post_steps(self.header.run_id, body)
        self._ledger.confirmed += len(frames)
        self._on_reply(reply)

    def _reject(self, frame: StepFrame, reason: Refused) -> None:
        self._ledger.rejected += 1
        self._ledger.warn("rejected", "the server refused step %s for good: %s", frame.step, reason)
        values = {name: strict(number) for name, number in frame.values.items()}
        line = msgspec.json.encode({"step": frame.step, "reason": str(reason), "values": values})
        try:
            with rejected_path(self._path).open("ab") as file:
                file.write(line + b"\n")
        except OSError as error:
            self._ledger.warn("rejected file", "refused steps cannot be kept: %s", error)

    def _settle(self, end: int) -> None:
        self._offset = end
        self._acknowledge(end)

    def _empty_if_large(self) -> None:
        large = self._offset > RESTART_BYTES and not self.delivered
        # First the offset, then the cut: a kill between the two sends again, and loses nothing.
        if large and self._restart and self._restart(self._offset, self._rewind):
            self._offset = self._start

    def _rewind(self) -> None:
        self._acknowledge(self._start)

    def _acknowledge(self, offset: int) -> None:
        ledger = self._ledger
        write_ack(self._path, Ack(offset, ledger.confirmed, ledger.rejected))


def _ignore(reply: Reply) -> None:
    pass
