"""From findings at single steps to the reading of a run: incidents, coverage, one headline."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from fade_core.detectors.outcome import score_track
from fade_core.findings import SEVERITIES, Finding, View
from fade_core.forecast import Forecast, entropy_floor, reward_law
from fade_core.monitor import DETECTORS, Monitor, State
from fade_core.reading import HELD_OUT
from fade_core.report import Coverage, Incident, Report

KEPT = 200
"""Resolved incidents that are kept, the newest."""

ALIASES = {"held_out": HELD_OUT}


class Ledger(NamedTuple):
    """The incidents of a run so far: by detector while open, in order once resolved."""

    open: Mapping[str, Incident] = {}
    closed: tuple[Incident, ...] = ()


def fold(ledger: Ledger, step: int, findings: Iterable[Finding]) -> Ledger:
    """Bring the incidents up to date with what was seen at one step.

    Call it once for every record that changed the monitor's state; an incident whose detector
    is silent is over.

    Args:
        ledger: Before this step.
        step: The trainer's.
        findings: Of this step.

    Returns:
        The ledger after it.
    """
    now = {each.detector: each for each in findings}
    if not now and not ledger.open:
        return ledger
    still: dict[str, Incident] = {}
    closed = list(ledger.closed)
    for name, incident in ledger.open.items():
        if name in now:
            still[name] = incident._replace(worst=now[name])
        else:
            closed.append(incident._replace(resolved_step=step))
    for name, each in now.items():
        still.setdefault(name, Incident(each, each.onset_step, step))
    return Ledger(still, tuple(closed[-KEPT:]))


def coverage(monitor: Monitor, state: State) -> tuple[Coverage, ...]:
    """Say of every detector whether it could look: checked, not checked and why, or broken."""
    return tuple(_covered(each.id, each.needs, state) for each in monitor.detectors)


def _covered(name: str, needs: Iterable[str | tuple[str, ...]], state: State) -> Coverage:
    if name in state.errors:
        return Coverage(name, "error", state.errors[name])
    ways = [need if isinstance(need, tuple) else (need,) for need in needs]
    if any(all(_has(state, part) for part in way) for way in ways):
        return Coverage(name, "checked")
    wanted = " or ".join(" with ".join(way) for way in ways)
    return Coverage(name, "not_checked", f"not checked: needs {wanted}")


def _has(state: State, name: str) -> bool:
    if name == "any":
        return state.records > 0
    return not state.seen.isdisjoint(ALIASES.get(name, (name,)))


def diagnose(
    records: Iterable[Mapping[str, Any]],
    *,
    run: str = "",
    log_format: str = "",
    standing: Iterable[Finding] = (),
) -> Report:
    """Read a whole run.

    Args:
        records: As ``Monitor.step`` takes them, in the order they were logged.
        run: Its name.
        log_format: Of the log it came from.
        standing: Findings that hold for the whole run, such as those of its configuration.

    Returns:
        The report.

    >>> report = diagnose(
    ...     {"step": t, "kl_k3": 0.0002 * (t + 1) if t < 60 else 0.012 * 1.06 ** (t - 60)}
    ...     for t in range(90)
    ... )
    >>> report.headline
    'warning: kl_blowup from step 59. The KL divergence from the reference is blowing up.'
    """
    monitor = Monitor()
    state, ledger = monitor.start(), Ledger()
    for record in records:
        after, findings = monitor.step(state, record)
        if after is not state:
            ledger = fold(ledger, after.last_step, findings)
        state = after
    return summarise(monitor, state, ledger, run=run, log_format=log_format, standing=standing)


def summarise(
    monitor: Monitor,
    state: State,
    ledger: Ledger,
    *,
    run: str = "",
    log_format: str = "",
    standing: Iterable[Finding] = (),
) -> Report:
    """Put the incidents of a run together: the cause before its symptoms, one headline.

    Args:
        monitor: That made the state.
        state: After the newest record.
        ledger: With the incidents up to it.
        run: Its name.
        log_format: Of the log it came from.
        standing: Findings that hold for the whole run; after what was seen to go wrong.

    Returns:
        The report.
    """
    seen = ordered((*ledger.closed, *ledger.open.values()))
    incidents = _with_standing(seen, standing)
    covered = coverage(monitor, state)
    view = View(state.last_step, state.records - 1, state.first_step or 0, state.tracks, {})
    entropy = state.tracks.get("entropy")
    forecast = entropy_floor(entropy, view.first_step, state.last_step, state.records)
    return Report(
        run,
        log_format,
        state.records,
        covered,
        incidents,
        _headline(incidents, covered),
        _paragraph(incidents, forecast),
        forecast,
        reward_law(entropy, score_track(view)),
    )


def _with_standing(seen: tuple[Incident, ...], standing: Iterable[Finding]) -> tuple[Incident, ...]:
    """Put what holds of the whole run between the serious incidents and the infos."""
    known = [Incident(each, each.onset_step, each.step) for each in standing]
    serious = [each for each in seen if each.worst.severity != "info"]
    infos = [each for each in seen if each.worst.severity == "info"]
    grave = [each for each in known if each.worst.severity != "info"]
    mild = [each for each in known if each.worst.severity == "info"]
    return (*serious, *grave, *infos, *mild)


def ordered(incidents: Iterable[Incident]) -> tuple[Incident, ...]:
    """Sort incidents: the cause of the worst one first, then by first alert, infos last.

    The cause is looked for among the incidents that had begun when the first alert of the
    worst one's chain came; of these the one that is earliest in ``DETECTORS`` is the cause.
    """
    serious = sorted(
        (each for each in incidents if each.worst.severity != "info"),
        key=lambda each: each.first_alert_step,
    )
    infos = [each for each in incidents if each.worst.severity == "info"]
    if not serious:
        return tuple(infos)
    cause = _cause(serious)
    return (cause, *(each for each in serious if each is not cause), *infos)


def _cause(serious: list[Incident]) -> Incident:
    order = {each.id: rank for rank, each in enumerate(DETECTORS)}
    worst = max(serious, key=_gravity)
    chain = [
        each
        for each in serious
        if each.onset_step <= worst.first_alert_step
        and (each.resolved_step is None or each.resolved_step >= worst.onset_step)
    ]
    reported = min((each.first_alert_step for each in chain), default=worst.first_alert_step)
    candidates = [each for each in chain if each.onset_step <= reported]
    # None where a resumed run ended an incident at a step before its beginning.
    return min(
        candidates, key=lambda each: order.get(each.worst.detector, len(order)), default=worst
    )


def _gravity(incident: Incident) -> tuple[bool, int, int]:
    severity = SEVERITIES.index(incident.worst.severity)
    return incident.resolved_step is None, severity, -incident.first_alert_step


def _headline(incidents: tuple[Incident, ...], covered: tuple[Coverage, ...]) -> str:
    broken = [each.detector for each in covered if each.status == "error"]
    checked = sum(each.status == "checked" for each in covered)
    scope = f"{checked} of {len(covered)} detectors could check this run"
    if not incidents:
        if broken:
            return f"Could not check: {', '.join(broken)} failed; nothing else was found."
        return f"Nothing found; {scope}."
    main = incidents[0]
    over = "" if main.resolved_step is None else f", resolved at step {main.resolved_step}"
    line = (
        f"{main.worst.severity}: {main.worst.detector} from step {main.onset_step}{over}. "
        f"{main.worst.text.cause}"
    )
    return f"{line} Could not check: {', '.join(broken)} failed." if broken else line


def _at(detector: str, steps: list[int]) -> str:
    if len(steps) == 1:
        return f"{detector} (step {steps[0]})"
    return f"{detector} ({len(steps)} times, steps {min(steps)} to {max(steps)})"


def _paragraph(incidents: tuple[Incident, ...], forecast: Forecast | None) -> str:
    if not incidents:
        return ""
    main = incidents[0]
    numbers = ", ".join(f"{k} {v:.4g}" for k, v in main.worst.evidence.items())
    parts = [
        f"{main.worst.text.cause} It began about step {main.onset_step} and was reported at step "
        f"{main.first_alert_step} ({numbers}).",
        main.worst.text.effect,
    ]
    after: dict[str, list[int]] = {}
    for each in incidents[1:]:
        if each.worst.severity != "info":
            after.setdefault(each.worst.detector, []).append(each.first_alert_step)
    if after:
        parts.append(f"With it came {', '.join(_at(*each) for each in after.items())}.")
    if forecast is not None:
        parts.append(
            f"Forecast, if nothing changes: entropy at its floor of {forecast.floor:.3g} nats "
            f"about step {forecast.step:.0f}."
        )
    parts.append(main.worst.text.advice[0])
    return " ".join(parts)
