"""The demo's main job: start the service, train every arm, print what came out.

Each arm is the example's own script in its own process, so what runs here is what a user runs.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from fade_core.errors import FadeError
from fadewatch.demo_plan import Plan
from fadewatch.demo_table import result_table
from fadewatch.terminal import open_console


class DemoError(FadeError, RuntimeError):
    """A process of the demo failed; the message ends with what it said last."""


@dataclass
class Service:
    """The service as a child process, started again when it dies while the demo trains."""

    plan: Plan
    console: Console
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self._refuse_a_taken_port()
        self._start()

    @property
    def database(self) -> Path:
        """The embedded store."""
        return self.plan.folder / "fadewatch.db"

    def keep_alive(self) -> None:
        """Start the service again if it ended; the trainers spool meanwhile."""
        if self.process.poll() is not None:
            self.console.print("[yellow]The service ended; training goes on. Starting it again.")
            self._start()

    def stop(self) -> None:
        """End the process and wait for it."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _start(self) -> None:
        log = self.plan.folder / "server.log"
        command = [
            sys.executable, "-m", "fadewatch", "server",
            "--port", str(self.plan.port), "--db", str(self.database),
        ]  # fmt: skip
        with log.open("ab") as sink:
            self.process = subprocess.Popen(command, stdout=sink, stderr=sink)
        try:
            self._wait_until_ready()
        except (httpx.TransportError, DemoError) as problem:
            self.stop()
            raise DemoError(f"the service did not start; {log} says:\n{_tail(log)}") from problem

    @retry(
        wait=wait_fixed(0.1),
        stop=stop_after_delay(60),
        retry=retry_if_exception_type(httpx.TransportError),
        reraise=True,
    )
    def _wait_until_ready(self) -> None:
        if self.process.poll() is not None:
            raise DemoError("the service ended at once")
        httpx.get(f"{self.plan.server}/readyz").raise_for_status()

    def _refuse_a_taken_port(self) -> None:
        try:
            httpx.get(f"{self.plan.server}/healthz", timeout=2.0)
        except httpx.TransportError:
            return
        raise DemoError(
            f"port {self.plan.port} is taken already; stop what listens there, "
            "or choose another: fadewatch demo --port 8766"
        )


def run(plan: Plan) -> int:
    """Run the demo.

    Args:
        plan: What to run.

    Returns:
        Exit code: 0 when every arm trained and every step of it is stored, 1 otherwise.
    """
    console = open_console()
    # A terminated demo must end its children too, exactly as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        plan.folder.mkdir(parents=True, exist_ok=True)
        with _service(plan, console) as service:
            results = _train_all(plan, service, console)
            complete = _report(plan, service, results, console)
            if plan.keep_serving:
                _serve_until_interrupted(service, console)
            return 0 if complete else 1
    except DemoError as problem:
        console.print(f"[red]{problem}", highlight=False)
        return 1
    except KeyboardInterrupt:
        console.print("\nStopped.")
        return 130


@contextmanager
def _service(plan: Plan, console: Console) -> Iterator[Service]:
    service = Service(plan, console)
    console.print(f"Dashboard: [bold]{plan.server}[/]   (watch the runs live)")
    try:
        yield service
    finally:
        service.stop()


def _train_all(plan: Plan, service: Service, console: Console) -> list[dict[str, Any]]:
    columns = (
        TextColumn("{task.description:<22}"), BarColumn(), MofNCompleteColumn(),
        TimeElapsedColumn(), TextColumn("{task.fields[note]}"),
    )  # fmt: skip
    workers = max(1, os.cpu_count() or 1)
    with Progress(*columns, console=console) as progress, ThreadPoolExecutor(workers) as pool:
        jobs = _Jobs(plan, progress)
        try:
            warm = [pool.submit(jobs.warm_up, seed) for seed in plan.seeds]
            _wait(warm, service)
            arms = [pool.submit(jobs.train, arm, s) for s in plan.seeds for arm in plan.arms]
            _wait(arms, service)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            jobs.stop()
            raise
    return [job.result() for job in arms]


def _wait(futures: Sequence[Any], service: Service) -> None:
    for future in futures:
        while True:
            try:
                future.result(timeout=1.0)
                break
            except TimeoutError:
                service.keep_alive()


class _Jobs:
    """The example's script as child processes, each with its progress bar."""

    def __init__(self, plan: Plan, progress: Progress) -> None:
        self._plan = plan
        self._progress = progress
        self._running: set[subprocess.Popen[str]] = set()
        self._stopped = False

    def warm_up(self, seed: int) -> None:
        checkpoint = self._checkpoint(seed)
        self._run(f"warm-up seed {seed}", ["--seed", str(seed), "--warm-up-only", str(checkpoint)])

    def train(self, arm: str, seed: int) -> dict[str, Any]:
        label = self._plan.label(arm)
        out = self._plan.folder / f"{label}-seed{seed}.json"
        arguments = [
            "--arm", arm, "--seed", str(seed), "--server", self._plan.server,
            "--warm-start", str(self._checkpoint(seed)), "--out", str(out),
        ]  # fmt: skip
        if self._plan.steps is not None:
            arguments += ["--steps", str(self._plan.steps)]
        if self._plan.kl is not None:
            arguments += ["--kl", self._plan.kl]
        if self._plan.beta is not None:
            arguments += ["--beta", str(self._plan.beta)]
        self._run(f"{label} seed {seed}", arguments)
        result: dict[str, Any] = json.loads(out.read_text())
        return result

    def stop(self) -> None:
        self._stopped = True
        for process in list(self._running):
            process.terminate()

    def _checkpoint(self, seed: int) -> Path:
        return self._plan.folder / f"warm-seed{seed}.pt"

    def _run(self, title: str, arguments: list[str]) -> None:
        if self._stopped:
            return
        task = self._progress.add_task(title, total=None, note="")
        log = self._plan.folder / f"{title.replace(' ', '-')}.log"
        command = [sys.executable, str(example_folder() / "train.py"), "--progress", "jsonl"]
        environment = {**os.environ, "FADEWATCH_DIR": str(self._plan.folder / "spool")}
        with (
            log.open("w") as errors,
            subprocess.Popen(
                command + arguments, stdout=subprocess.PIPE, stderr=errors, text=True,
                env=environment,
            ) as process,
        ):  # fmt: skip
            self._running.add(process)
            assert process.stdout is not None
            for line in process.stdout:
                self._show(task, json.loads(line))
        self._running.discard(process)
        if process.returncode != 0 and not self._stopped:
            raise DemoError(f"{title} failed; {log} says:\n{_tail(log)}")

    def _show(self, task: Any, event: dict[str, Any]) -> None:
        note = f"accuracy {event['accuracy']:.3f}" if event.get("accuracy") is not None else ""
        if event.get("entropy") is not None:
            note += f"  entropy {event['entropy']:.3f}"
        self._progress.update(task, completed=event["step"], total=event["total"], note=note)


def _report(plan: Plan, service: Service, results: list[dict[str, Any]], console: Console) -> bool:
    console.print(result_table(results))
    complete = True
    for result in results:
        stored = httpx.get(f"{plan.server}/api/v1/runs/{result['run_id']}").json()["step_count"]
        complete &= stored == result["records"]
        console.print(
            f"{result['arm']} seed {result['seed']}: {stored} of {result['records']} records stored"
            f"   {plan.server}/runs/{result['run_id']}",
            soft_wrap=True,
        )
        console.print(f"    {_first_alert(plan, result['run_id'])}", soft_wrap=True)
    if not complete:
        console.print(
            f"[red]Records are missing; send them: fadewatch sync {plan.folder / 'spool'}"
        )
    console.print(f"Store: {service.database}", soft_wrap=True)
    if len(results) > 1:
        others = ",".join(r["run_id"] for r in results[1:])
        console.print(
            f"Compare: [bold]{plan.server}/runs/{results[0]['run_id']}?compare={others}[/]",
            soft_wrap=True,
        )
    return complete


def _first_alert(plan: Plan, run_id: str) -> str:
    """Return what the service warned of first while the run trained."""
    answer = httpx.get(f"{plan.server}/api/v1/runs/{run_id}/alerts", params={"limit": 500})
    fired = [
        one
        for one in answer.json()["alerts"]
        if one["fired_at"] is not None and one["severity"] != "info"
    ]
    if not fired:
        return "no alert"
    first = min(fired, key=lambda one: (one["fired_at"], one["id"]))
    return f"alert at step {first['first_step']}: {first['headline']}"


def _serve_until_interrupted(service: Service, console: Console) -> None:
    console.print("The dashboard keeps serving; Ctrl-C ends it.")
    service.process.wait()


def example_folder() -> Path:
    """Return the Countdown example: beside this file when installed, else the repository's."""
    here = Path(__file__).parent
    installed = here / "examples" / "countdown"
    return installed if installed.is_dir() else here.parent / "examples" / "countdown"


def _tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
