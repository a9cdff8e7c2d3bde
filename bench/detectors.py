"""What one step of all detectors costs, at step 1,000 and at step 100,000.

    python -m bench.detectors [--steps 100000]

Prints microseconds of CPU time a step and their ratio, which must not grow with the run.
"""

import argparse
import math
import random
import time
from collections.abc import Iterator
from typing import Any

from fade_core.monitor import Monitor, State

WINDOW = 1000


def records(steps: int, seed: int = 0) -> Iterator[dict[str, Any]]:
    """Yield a healthy run in which every canonical signal that a detector reads is reported."""
    noise = random.Random(seed)
    for t in range(steps):
        z = noise.gauss(0.0, 0.05)
        share = 0.5 + z
        yield {
            "step": t,
            "accuracy": share,
            "reward_mean": share,
            "reward_std": 0.5 + z,
            "zero_variance_fraction": 0.3 + z,
            "all_solved_fraction": 0.2 + z,
            "none_solved_fraction": 0.1 + z / 2,
            "entropy": math.exp(z),
            "kl_k1": 0.01 * math.exp(z),
            "kl_k3": 0.01 * math.exp(z),
            "clip_fraction_high": 0.01 + z / 10,
            "clip_fraction_low": 0.01 - z / 10,
            "ratio_ess": 0.9 + z,
            "grad_norm": math.exp(z),
            "loss": z,
            "learning_rate": 1e-6,
            "staleness": 1.0,
            "adv_mean": z,
            "adv_std": 1.0 + z,
            "adv_min": -2.0 + z,
            "adv_max": 2.0 + z,
            "adv_kurtosis": z,
            "mass_success": 0.2 + z / 10,
            "mass_failure": 0.2 - z / 10,
            "prompt_ess": 0.6 + z,
            "response_length_mean": 500.0 * math.exp(z),
            "truncated_fraction": 0.05 + z / 10,
            "train_infer_abs_logprob_diff": 0.01 * math.exp(z),
            "train_infer_k3": 0.001 * math.exp(z),
            "head_rank1_share": 0.6 + z,
            "delta": 1.0,
            "kl_ratio_excess_z": 20.0 * z,
            "kl_k1_per_token": 0.01 + z / 10,
            "kl_k1_per_token_stderr": 0.002,
            "kl_k3_per_token": 0.01 * math.exp(z) if t else 0.0,
            "kl_k3_top_share": 0.05 + z / 10,
            "kl_k3_clamped_share": 0.0,
            "kl_tokens": 5000.0,
            "kl_drift_ess": 0.99,
            "apa_residual_rms": 10.0 * math.exp(z) * 0.98 ** min(t, 60),
            "apa_residual_mean": z - 0.1,
            "apa_residual_mean_stderr": 0.02,
            "apa_slope": 0.05 + z,
            "apa_r_squared": 0.1,
            "apa_unreachable_share": 0.2,
            "awr_ess": 0.7,
            "explained_variance": 0.5,
        }


def main() -> None:
    """Run the monitor and print the two costs and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=100_000)
    steps = parser.parse_args().steps
    monitor = Monitor()
    state = monitor.start()
    stream = records(steps)
    state, early = advance(monitor, state, stream, WINDOW, WINDOW)
    state, late = advance(monitor, state, stream, steps - 2 * WINDOW, WINDOW)
    print(f"{len(monitor.detectors)} detectors, {len(state.tracks)} signals")
    print(f"step {2 * WINDOW:>7,}: {early:6.1f} us CPU a step")
    print(f"step {steps:>7,}: {late:6.1f} us CPU a step")
    print(f"ratio {late / early:.2f}")


def advance(
    monitor: Monitor, state: State, stream: Iterator[dict[str, Any]], skip: int, timed: int
) -> tuple[State, float]:
    """Advance by ``skip`` records, of which the last ``timed`` are timed; return us a step."""
    records_ahead = [next(stream) for _ in range(timed)] if skip == timed else []
    if not records_ahead:
        for _ in range(skip - timed):
            state, _ = monitor.step(state, next(stream))
        records_ahead = [next(stream) for _ in range(timed)]
    start = time.process_time()
    for record in records_ahead:
        state, _ = monitor.step(state, record)
    return state, (time.process_time() - start) / timed * 1e6


if __name__ == "__main__":
    main()
