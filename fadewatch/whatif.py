"""``fadewatch whatif``: what other advantage functions would have made of a run's rewards."""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
from rich.table import Table

from fade_core.errors import FadeError
from fade_core.whatif import Outcome, RewardStep, WhatIfStep
from fadewatch.numbers import wire

ReadRun = Callable[[Path], tuple[Any, list[dict[str, Any]]]]
COLUMNS = ("mass_success", "mass_failure", "adv_kurtosis", "adv_top1_share", "prompt_ess")
HEADINGS = ("m_S", "m_F", "kurtosis", "top 1 %", "prompt ESS")


class RunError(FadeError, LookupError):
    """A run cannot be read, or recorded no rewards."""


def read_spool(path: Path, read_run: ReadRun) -> list[RewardStep]:
    """Return the steps of a local run that have rewards.

    Args:
        path: Its spool.
        read_run: ``fade_client.read_run``.

    Returns:
        Steps in their order.

    Raises:
        RunError: No step has rewards.
    """
    _, rows = read_run(path)
    steps = [_step(row) for row in rows if row.get("rewards") is not None]
    return _some(steps, str(path))


def read_lines(path: Path) -> list[RewardStep]:
    """Return the steps of a JSONL file.

    Args:
        path: Lines of ``{"step": 0, "rewards": [[1, 0], ...]}``; ``entropy``, ``alpha`` and
            ``delta`` are used where present.

    Returns:
        Steps in the file's order.

    Raises:
        RunError: A line is not such an object, or there is none.
    """
    steps = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            if row["rewards"] is None:
                continue
            steps.append(_step(row))
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(
                f'{path}, line {number}: wanted {{"step": 0, "rewards": [[1, 0], ...]}}, '
                f"got {line[:80]!r} ({error!r})"
            ) from None
    return _some(steps, str(path))


def read_server(client: httpx.Client, run: str) -> list[RewardStep]:
    """Return the steps of a run on a server of which the raw rewards are stored.

    Args:
        client: Of the server's ``/api/v1``.
        run: The run's id.

    Returns:
        Steps in their order.

    Raises:
        RunError: The server does not have the run, or no rewards of it.
        httpx.HTTPError: The server cannot be reached, or refuses.
    """
    query = {"metrics": "accuracy,reward_mean,entropy,alpha,delta", "points": "20000"}
    answer = client.get(f"/runs/{run}/series", params=query)
    if answer.status_code == httpx.codes.NOT_FOUND:
        raise RunError(f"the server has no run '{run}'; its id is in the dashboard's address")
    answer.raise_for_status()
    series = {
        name: dict(zip(one["step"], one["value"], strict=True))
        for name, one in answer.json()["series"].items()
    }
    steps = []
    for step in sorted({step for one in series.values() for step in one}):
        answer = client.get(f"/runs/{run}/weights/{step}")
        if answer.status_code == httpx.codes.NOT_FOUND:
            continue
        answer.raise_for_status()
        recorded = {name: one.get(step) for name, one in series.items()}
        steps.append(_step({**recorded, "step": step, "rewards": answer.json()["rewards"]}))
    return _some(steps, run)


def read_source(
    source: str, client: Callable[[], httpx.Client], read_run: ReadRun
) -> list[RewardStep]:
    """Return the steps of a spool, of a JSONL file or of a run on a server.

    Args:
        source: A path that exists, or else a run's id.
        client: Opens the server's ``/api/v1``; called only for an id.
        read_run: ``fade_client.read_run``; called only for a spool.

    Returns:
        Steps in their order.

    Raises:
        RunError: The run cannot be read, or recorded no rewards.
        httpx.HTTPError: The server refuses.
    """
    path = Path(source)
    if path.is_file():
        return read_spool(path, read_run) if path.suffix == ".spool" else read_lines(path)
    if path.suffix in (".spool", ".jsonl") or "/" in source:
        raise RunError(f"there is no file '{source}'")
    with client() as opened:
        try:
            return read_server(opened, source)
        except httpx.TransportError as error:
            raise RunError(
                f"there is no file '{source}', and the service at {opened.base_url} does not "
                f"answer ({error}); start it, or name it with --server"
            ) from None


def document(source: str, results: Sequence[WhatIfStep]) -> dict[str, Any]:
    """Return a what-if as JSON.

    Args:
        source: The run, as the user named it.
        results: Of ``fade_core.whatif.what_if``.

    Returns:
        ``run`` and ``steps``; each step has its ``rewards`` summary and, by method, ``params``
        and ``weights`` or ``error``.
    """
    steps = [
        {
            "step": result.step,
            "rewards": result.rewards,
            "methods": {outcome.label: _outcome(outcome) for outcome in result.outcomes},
        }
        for result in results
    ]
    found: dict[str, Any] = wire({"run": source, "steps": steps})
    return found


def table(results: Sequence[WhatIfStep]) -> Table:
    """Return a what-if for a terminal: a row for each step and method.

    Args:
        results: Of ``fade_core.whatif.what_if``.

    Returns:
        Something that rich prints.
    """
    drawn = Table("step", "accuracy", "method", *HEADINGS, "ratio")
    for result in results:
        for index, outcome in enumerate(result.outcomes):
            accuracy = _text(result.rewards.get("accuracy"))
            head = ("", "") if index else (str(result.step), accuracy)
            drawn.add_row(*head, _name(outcome), *_cells(outcome))
    return drawn


def _step(row: dict[str, Any]) -> RewardStep:
    return RewardStep(
        step=int(row["step"]),
        rewards=row["rewards"],
        entropy=_number(row.get("entropy"), math.nan),
        alpha=_number(row.get("alpha"), None),
        delta=_number(row.get("delta"), None),
    )


def _number(value: Any, missing: Any) -> Any:
    number = missing if value is None else float(value)
    return missing if number is not None and math.isnan(number) else number


def _some(steps: list[RewardStep], source: str) -> list[RewardStep]:
    if not steps:
        raise RunError(
            f"'{source}' has no step with rewards; a trainer has to pass rewards to the "
            "hook, and raw weights must not be switched off"
        )
    return steps


def _outcome(outcome: Outcome) -> dict[str, Any]:
    if outcome.error:
        return {"params": outcome.params, "error": outcome.error}
    return {"params": outcome.params, "weights": outcome.summary}


def _name(outcome: Outcome) -> str:
    values = ", ".join(f"{name} {value:.3g}" for name, value in outcome.params.items())
    return f"{outcome.label.partition(':')[0]} ({values})" if values else outcome.label


def _cells(outcome: Outcome) -> list[str]:
    if outcome.error:
        return [outcome.error]
    success, failure = (outcome.summary[name] for name in COLUMNS[:2])
    assert isinstance(success, float)
    assert isinstance(failure, float)
    ratio = success / failure if failure else math.nan
    return [*(_text(outcome.summary[name]) for name in COLUMNS), _text(ratio)]


def _text(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else ""
