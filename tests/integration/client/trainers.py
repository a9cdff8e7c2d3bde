"""Trainers for the tests that need whole processes; each is killed, starved or cut off.

Run as ``python -m tests.integration.client.trainers NAME DIRECTORY SERVER [NUMBER]``.
"""

import os
import random
import resource
import signal
import sys
from collections.abc import Callable

import numpy as np

import fade_client
from fade_client import endpoints, listener, sender  # noqa: F401 - loaded before the forks

MOMENTS = 20


def killed_at_random_moments(directory: str, server: str, seed: int) -> None:
    """Fork 20 trainers, kill each; print how many steps it was told were recorded."""
    moments = random.Random(seed)
    for number in range(MOMENTS):
        reports, report = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reports)
            _log_for_ever(number, f"killed-{seed}-{number}", directory, server, report)
        os.close(report)
        wanted, seen = moments.randrange(1, 1000), 0
        while seen < wanted:
            seen += len(os.read(reports, 4096))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        while chunk := os.read(reports, 4096):
            seen += len(chunk)
        os.close(reports)
        print(seen, flush=True)  # noqa: T201 - it is the answer


def _log_for_ever(number: int, name: str, directory: str, server: str, report: int) -> None:
    mode: fade_client.Mode = "control" if number % 2 else "observe"
    run = fade_client.init("p", run_id=name, mode=mode, server=server, dir=directory)
    rewards = np.zeros((256, 16))
    step = 0
    while True:
        arrays = {"rewards": rewards, "advantages": rewards} if step % 16 == 7 else {}
        run.log_step(step, {"loss": float(step)}, **arrays)
        os.write(report, b".")
        step += 1


def terminated(directory: str, server: str, own_handler: int) -> None:
    """Log 50 steps and wait for a signal; 1: with a handler of its own, set before."""
    if own_handler:
        signal.signal(signal.SIGTERM, lambda *_: os._exit(7))
    run = fade_client.init("p", run_id=f"terminated-{own_handler}", server=server, dir=directory)
    for step in range(50):
        run.log_step(step, loss=1.0)
    print("logged", flush=True)  # noqa: T201
    while True:
        signal.pause()


def ends_without_finish(directory: str, server: str, steps: int) -> None:
    """Log and return, as a script that forgets ``finish`` does."""
    run = fade_client.init("p", run_id="forgotten", server=server, dir=directory)
    for step in range(steps):
        run.log_step(step, loss=1.0)


def on_a_full_disk(directory: str, server: str, limit: int) -> None:
    """Log 1,000 steps, of which the middle ones find no room; print what was lost."""
    run = fade_client.init("p", run_id="starved", server=server, dir=directory)
    for step in range(1000):
        if step in (300, 600):
            hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
            room = limit if step == 300 else hard
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
        run.log_step(step, loss=float(step))
    lost = run.stats.lost.get("disk", 0)
    run.finish(timeout_s=30.0)
    print(lost, flush=True)  # noqa: T201


def with_nobody_listening(directory: str, server: str, steps: int) -> None:
    """Log that many steps, and print by how many bytes the peak memory grew."""
    run = fade_client.init("p", run_id="alone", mode="control", server=server, dir=directory)
    values = {f"metric_{index}": float(index) for index in range(20)}
    for _ in range(1000):
        run.log_step(None, values)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(steps - 1000):
        run.log_step(None, values)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    run.finish(timeout_s=0.1)
    print(grown * (1 if sys.platform == "darwin" else 1024), flush=True)  # noqa: T201


TRAINERS: dict[str, Callable[[str, str, int], None]] = {
    one.__name__: one
    for one in (
        killed_at_random_moments,
        terminated,
        ends_without_finish,
        on_a_full_disk,
        with_nobody_listening,
    )
}

if __name__ == "__main__":
    TRAINERS[sys.argv[1]](sys.argv[2], sys.argv[3], int(sys.argv[4]))
