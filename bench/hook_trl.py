"""What the hook takes of a tiny TRL step: its own calls, timed one by one in a real training.

    python bench/hook_trl.py [--mode control] [--steps 200] [--repetitions 5]

A training with the hook and one without take turns. Times are of the training thread's own CPU,
so that a busy machine adds little to them; torch has one thread. An empty call is timed like them
and taken off. The share is of the hook's calls in the step of the training that they are in; the
step without the hook stands beside it.
"""

import argparse
import importlib.util
import os
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CALLS = ("latch", "rewards_calculated", "score", "step_ended", "logged")
NOTHING = "an empty call"
WARM_UP = 20


class Stopwatch:
    """Adds up what the calls of an attachment take, by the training step they are in."""

    def __init__(self, attachment: Any) -> None:
        self.taken_s: dict[str, dict[int, float]] = defaultdict(lambda: defaultdict(float))
        self._state = attachment.trainer.state
        for name in CALLS:
            setattr(attachment, name, self._timed(name, getattr(attachment, name)))
        # What the clock and this class add to each of them, as cold as they are.
        nothing, latch = self._timed(NOTHING, lambda: None), attachment.latch
        attachment.latch = lambda run: (nothing(), latch(run))[1]
        self._attachment = attachment

    def _timed(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            before = time.thread_time()
            try:
                return call(*args, **kwargs)
            finally:
                step = self._attachment.trainer.state.global_step
                self.taken_s[name][step] += time.thread_time() - before

        return timed


def train(folder: Path, mode: Any, steps: int) -> tuple[list[float], dict[str, float]]:
    """Return the seconds of each step, and the median seconds of the hook's calls a step."""
    from transformers import PrinterCallback, TrainerCallback

    import fade_client.trl

    class Clock(TrainerCallback):
        def __init__(self) -> None:
            self.at: list[float] = []

        def on_step_begin(self, *_: Any, **__: Any) -> None:
            self.at.append(time.thread_time())

    tiny = _example()
    clock = Clock()
    trainer = tiny.make_trainer(folder, max_steps=steps)
    trainer.remove_callback(PrinterCallback)
    watch = None
    if mode is not None:
        attachment = fade_client.trl.attach(
            trainer, project="bench", mode=mode, dir=folder, server="http://127.0.0.1:9"
        )
        watch = Stopwatch(attachment)
    trainer.add_callback(clock)
    trainer.train()
    took = [b - a for a, b in zip(clock.at, clock.at[1:], strict=False)][WARM_UP:]
    calls = {} if watch is None else {
        name: statistics.median(list(by_step.values())[WARM_UP:])
        for name, by_step in watch.taken_s.items()
    }  # fmt: skip
    return took, calls


def _example() -> Any:
    path = ROOT / "examples" / "trl_tiny.py"
    specification = importlib.util.spec_from_file_location("trl_tiny", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["trl_tiny"] = module
    specification.loader.exec_module(module)
    return module


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mode", default="control")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--repetitions", type=int, default=5)
    given = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    with_hook, without, calls = [], [], []
    for _ in range(given.repetitions):
        with tempfile.TemporaryDirectory() as name:
            took, _none = train(Path(name), None, given.steps)
            without.append(statistics.median(took))
            took, taken = train(Path(name), given.mode, given.steps)
            with_hook.append(statistics.median(took))
            calls.append(taken)
    step_s = statistics.median(with_hook)
    print(f"\nmode {given.mode}, load {os.getloadavg()[0]:.1f}")
    print("| the hook's call, less an empty one | us a step |\n|---|---|")
    total = 0.0
    medians = {name: statistics.median(one[name] for one in calls) for name in (NOTHING, *CALLS)}
    for name in CALLS:
        took_s = medians[name] - medians[NOTHING]
        total += took_s
        print(f"| {name} | {took_s * 1e6:.0f} |")
    print(f"| together | {total * 1e6:.0f} |")
    print(f"step {step_s * 1e3:.2f} ms, without {statistics.median(without) * 1e3:.2f} ms")
    print(f"share of the step: {total / step_s:.2%}")


if __name__ == "__main__":
    main()
