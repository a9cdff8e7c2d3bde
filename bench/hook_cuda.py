"""On a CUDA device: that ``log_step`` never synchronises the training stream, and what it costs.

    python bench/hook_cuda.py

A small policy-gradient loop whose tensors never leave the device runs with the hook while torch
raises for every synchronising call; then the same loop runs under the profiler with and without
the hook, and the CUDA runtime must have been asked as often to wait for a stream or the device.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
STEPS, WARM_UP = 200, 20
WAITS = ("cudaStreamSynchronize", "cudaDeviceSynchronize")
"""Calls that wait for the training stream. The hook's own thread waits for its copies by
``cudaEventSynchronize``, and only for them."""

Log = Callable[..., None]


def train(torch: Any, log: Log | None, steps: int) -> list[float]:
    """Train on the device and return the microseconds of each call of ``log``."""
    policy = torch.nn.Linear(64, 512, device="cuda")
    optimizer = torch.optim.SGD(policy.parameters(), lr=0.1)
    prompts = torch.randn(512, 64, device="cuda")
    taken = []
    for _ in range(steps):
        log_p = policy(prompts).log_softmax(dim=1)
        actions = torch.randint(512, (512, 16), device="cuda")
        rewards = (actions % 3 == 0).float()
        advantages = rewards - rewards.mean(dim=1, keepdim=True)
        loss = -(advantages * log_p.gather(1, actions)).mean()
        entropy = -(log_p.exp() * log_p).sum(dim=1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        before = time.perf_counter_ns()
        if log:
            log(rewards=rewards, advantages=advantages, entropy=entropy, loss=loss)
        taken.append((time.perf_counter_ns() - before) / 1e3)
    return taken


def waits(torch: Any, log: Log | None) -> dict[str, int]:
    """Return how often the runtime was asked to wait in a loop, the profiler's own included."""
    activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profile:
        train(torch, log, STEPS)
    return {one.key: one.count for one in profile.key_averages() if one.key in WAITS}


def main() -> int:
    """Run both checks; return the exit code."""
    import torch

    if not torch.cuda.is_available():
        print("no CUDA device")
        return 0
    sys.path[:0] = [str(ROOT), str(ROOT / "client")]
    import fade_client

    with tempfile.TemporaryDirectory() as name:
        run = fade_client.init("bench", mode="local", dir=name)
        train(torch, run.log_step, WARM_UP)
        torch.cuda.synchronize()
        torch.cuda.set_sync_debug_mode("error")
        taken = train(torch, run.log_step, STEPS)
        torch.cuda.set_sync_debug_mode("default")
        without, with_hook = waits(torch, None), waits(torch, run.log_step)
        report = run.finish(timeout_s=30.0)
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}")
    print(f"log_step of 512 x 16 on the device: median {statistics.median(taken):.0f} us")
    print(f"waits without the hook {without}, with it {with_hook}")
    print(f"recorded {report.stats.logged}, lost {dict(report.stats.lost)}")
    return int(with_hook != without or report.stats.logged != WARM_UP + 2 * STEPS)


if __name__ == "__main__":
    sys.exit(main())
