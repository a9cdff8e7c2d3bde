"""What the hook takes of a tiny TRL step: its own calls, timed in a real training.

    python bench/hook_trl.py [--mode control] [--steps 200] [--repetitions 5]

A training with the hook and one without take turns. First with torch on one thread, by the CPU
time of the training thread, so that a busy machine adds little; then with torch's own number of
threads, by the clock on the wall. All that runs in the training thread is timed, at the four places
where TRL calls the hook and TRL's own work in them left out; an empty call is timed like them and
taken off. The share is of the hook's calls in the step of the training that they are in; the step
without the hook stands beside it.
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
CALLS = {
    "generate": "the pair, and the advantages",
    "rewards_calculated": "keeping the rewards",
    "on_step_end": "reading the metrics",
    "on_log": "the record itself",
}
Clock = Callable[[], float]
NOTHING = "an empty call"
WARM_UP = 20


class Stopwatch:
    """Adds up what the hook takes, by the training step it is in and by where TRL calls it."""

    def __init__(self, attachment: Any, clock: Clock) -> None:
        self.taken_s: dict[str, dict[int, float]] = defaultdict(lambda: defaultdict(float))
        self._clock, self._trainer, self._inner_s = clock, attachment.trainer, 0.0
        handlers = self._trainer.callback_handler.callbacks
        callback = next(one for one in handlers if type(one).__name__ == "FadewatchCallback")
        for name in CALLS:
            owner = callback if name.startswith("on_") else attachment
            setattr(owner, name, self._timed(name, getattr(owner, name)))
        # What the clock and this class add to each of them, as cold as they are.
        nothing, generate = self._timed(NOTHING, lambda: None), attachment.generate

        def generate_as_well(trls: Callable[..., Any], inputs: Any) -> Any:
            nothing()
            return generate(self._left_out(trls), inputs)

        attachment.generate = generate_as_well

    def _timed(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            self._inner_s, before = 0.0, self._clock()
            try:
                return call(*args, **kwargs)
            finally:
                taken_s = self._clock() - before - self._inner_s
                self.taken_s[name][self._trainer.state.global_step] += taken_s

        return timed

    def _left_out(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def left_out(*args: Any, **kwargs: Any) -> Any:
            before = self._clock()
            try:
                return call(*args, **kwargs)
            finally:
                self._inner_s = self._clock() - before

        return left_out


def train(folder: Path, mode: Any, steps: int, clock: Clock) -> tuple[float, dict[str, float]]:
    """Return the median seconds of a step, and of the hook's calls in one."""
    from transformers import PrinterCallback, TrainerCallback

    import fade_client.trl

    class Steps(TrainerCallback):
        def __init__(self) -> None:
            self.at: list[float] = []

        def on_step_begin(self, *_: Any, **__: Any) -> None:
            self.at.append(clock())

    tiny = _example()
    began = Steps()
    trainer = tiny.make_trainer(folder, max_steps=steps)
    trainer.remove_callback(PrinterCallback)
    watch = None
    if mode is not None:
        attachment = fade_client.trl.attach(
            trainer, project="bench", mode=mode, dir=folder, server="http://127.0.0.1:9"
        )
        watch = Stopwatch(attachment, clock)
    trainer.add_callback(began)
    trainer.train()
    took = [b - a for a, b in zip(began.at, began.at[1:], strict=False)][WARM_UP:]
    calls = {} if watch is None else {
        name: statistics.median(list(by_step.values())[WARM_UP:])
        for name, by_step in watch.taken_s.items()
    }  # fmt: skip
    return statistics.median(took), calls


def _example() -> Any:
    path = ROOT / "examples" / "trl_tiny.py"
    specification = importlib.util.spec_from_file_location("trl_tiny", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["trl_tiny"] = module
    specification.loader.exec_module(module)
    return module


def compare(what: str, clock: Clock, given: argparse.Namespace) -> None:
    """Print what the hook takes by this clock, trainings with it and without in turns."""
    with_hook, without, calls = [], [], []
    for _ in range(given.repetitions):
        with tempfile.TemporaryDirectory() as name:
            without.append(train(Path(name), None, given.steps, clock)[0])
            step_s, taken_s = train(Path(name), given.mode, given.steps, clock)
            with_hook.append(step_s)
            calls.append(taken_s)
    step_s, total_s = statistics.median(with_hook), 0.0
    medians = {name: statistics.median(one[name] for one in calls) for name in (NOTHING, *CALLS)}
    print(f"\n| {what} | us a step |\n|---|---|")
    for name, title in CALLS.items():
        took_s = medians[name] - medians[NOTHING]
        total_s += took_s
        print(f"| {title} (`{name}`) | {took_s * 1e6:.0f} |")
    print(f"| together | {total_s * 1e6:.0f} |")
    print(f"| the step, without the hook | {statistics.median(without) * 1e6:.0f} |")
    print(f"| the step, with it | {step_s * 1e6:.0f} |")
    print(f"| the hook's share of it | {total_s / step_s:.2%} |")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mode", default="control")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--repetitions", type=int, default=5)
    given = parser.parse_args()
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    print(f"mode {given.mode}, load {os.getloadavg()[0]:.1f}")
    compare("one thread, CPU time", time.thread_time, given)
    torch.set_num_threads(threads)
    compare(f"torch's own threads ({threads}), wall clock", time.perf_counter, given)


if __name__ == "__main__":
    main()
