"""What reading and diagnosing a long log costs: CPU seconds and peak memory.

    python -m bench.diagnose [--steps 100000] [--signals 30]

Writes a log of JSON lines with TRL's keys, then runs ``fadewatch diagnose`` on it in a process of
its own.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.keys import TRL


def write_log(path: Path, steps: int, signals: int, seed: int = 0) -> None:
    """Write a quiet run; signals beyond TRL's are named ``extra_k``."""
    noise = random.Random(seed)
    names = [*TRL.values(), *(f"extra_{k}" for k in range(signals))][:signals]
    with path.open("w") as file:
        for step in range(steps):
            row = {"step": step} | {name: 0.4 + noise.gauss(0.0, 0.02) for name in names}
            file.write(json.dumps(row) + "\n")


CHILD = """
import sys, time
from pathlib import Path
from fadewatch.cli import app
try:
    app(["diagnose", sys.argv[1], "--format", "json"])
except SystemExit as end:
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").open())
    peak_kb = status["VmHWM"].split()[0]
    sys.stderr.write(f"{end.code} {time.process_time()} {peak_kb}")
"""
"""Tells of itself: what the system counts for a child includes the parent that it came from."""


def cost(path: Path) -> tuple[float, float]:
    """Return CPU seconds and peak MB of diagnosing a log, on Linux."""
    command = [sys.executable, "-c", CHILD, str(path)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    code, cpu_s, peak_kb = done.stderr.split()[-3:]
    if code not in ("0", "1"):
        raise RuntimeError(done.stderr)
    return float(cpu_s), float(peak_kb) / 1024.0


def main() -> None:
    """Write the log, diagnose it and print the cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--signals", type=int, default=30)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "run.jsonl"
        write_log(log, options.steps, options.signals)
        size_mb = log.stat().st_size / 1e6
        cpu_s, peak_mb = cost(log)
    print(f"{options.steps:,} steps of {options.signals} signals, {size_mb:.0f} MB of JSON lines")
    print(f"{cpu_s:.1f} CPU s, {peak_mb:.0f} MB at the most")


if __name__ == "__main__":
    main()
