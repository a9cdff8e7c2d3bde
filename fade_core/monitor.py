"""All detectors over one run: a pure step over a state that can be stored as JSON."""

from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any, NamedTuple

from fade_core.detectors import (
    advantage_tails,
    apa_anomaly,
    difficulty_misfocus,
    diversity_loss,
    entropy_collapse,
    entropy_explosion,
    gradient_instability,
    kl_blowup,
    kl_misconfigured,
    kl_sampling_mismatch,
    length_pathology,
    no_learning_signal,
    non_finite,
    rank_collapse,
    reward_collapse,
    reward_hacking_suspected,
    sign_imbalance,
    staleness,
    train_infer_mismatch,
    value_anomaly,
    zero_variance,
)
from fade_core.findings import Finding, Severity, View
from fade_core.reading import read
from fade_core.signals import START, Track, update

Step = Callable[[Any, View], tuple[Any, Finding | None]]


class Detector(NamedTuple):
    """One rule, as the monitor runs it.

    Attributes:
        id: Its name in findings.
        needs: Signals it can work from; any one will do, a tuple only as a whole.
        start: State before the first record.
        step: The rule.
    """

    id: str
    needs: tuple[str | tuple[str, ...], ...]
    start: Any
    step: Step


def detector(module: ModuleType) -> Detector:
    """Read a detector from its module: ``ID``, ``NEEDS``, ``START`` and ``step``."""
    return Detector(module.ID, module.NEEDS, module.START, module.step)


DETECTORS: tuple[Detector, ...] = tuple(
    detector(module)
    for module in (
        non_finite,
        no_learning_signal,
        sign_imbalance,
        advantage_tails,
        train_infer_mismatch,
        staleness,
        kl_sampling_mismatch,
        kl_misconfigured,
        apa_anomaly,
        difficulty_misfocus,
        rank_collapse,
        entropy_collapse,
        entropy_explosion,
        kl_blowup,
        gradient_instability,
        zero_variance,
        length_pathology,
        diversity_loss,
        reward_hacking_suspected,
        reward_collapse,
        value_anomaly,
    )
)
"""Every detector, causes before symptoms; the order of findings in a diagnosis."""


class State(NamedTuple):
    """Everything needed to go on with the next record; frozen.

    Attributes:
        records: Records so far.
        first_step: Step of the first; None before it.
        last_step: Step of the newest.
        tracks: Summaries by signal.
        states: State of each detector, in the order of the detectors.
        seen: Names of the fields that ever came with a value.
        errors: What a detector raised, by its id.
    """

    records: int
    first_step: int | None
    last_step: int
    tracks: Mapping[str, Track]
    states: tuple[Any, ...]
    seen: frozenset[str]
    errors: Mapping[str, str]


class Monitor:
    """Runs an explicit list of detectors over the records of one run.

    >>> monitor = Monitor()
    >>> state = monitor.start()
    >>> for t in range(100):
    ...     record = {"step": t, "entropy": 1.0 if t < 60 else 0.9 ** (t - 60)}
    ...     state, findings = monitor.step(state, record)
    >>> [(f.detector, f.severity, f.onset_step) for f in findings]
    [('entropy_collapse', 'warning', 61)]
    """

    def __init__(self, detectors: Iterable[Detector] = DETECTORS) -> None:
        self.detectors = tuple(detectors)

    def start(self) -> State:
        """Return the state before the first record."""
        states = tuple(each.start for each in self.detectors)
        return State(0, None, -1, {}, states, frozenset(), {})

    def step(self, state: State, record: Mapping[str, Any]) -> tuple[State, list[Finding]]:
        """Advance by one record.

        A record without a new value for any signal (a step that was logged twice) changes
        nothing. A step that goes back is a resumed run and goes on from here. A detector that
        raises is reported in ``errors`` and keeps its state; the others run.

        Args:
            state: Before this record.
            record: Canonical names to floats, ``step`` among them; ``pass_at_k`` a mapping of k
                to value, the vectors lists, any other name a float.

        Returns:
            The state after it, and what each detector that is alarmed sees at this step.
        """
        at = int(record["step"])
        repeated = state.records > 0 and at == state.last_step
        index = state.records - 1 if repeated else state.records
        values, bad, controls = read(record)
        if repeated:
            values = {k: v for k, v in values.items() if _news(state.tracks.get(k), index)}
            if not values and not bad:
                return state, []
        tracks = dict(state.tracks)
        for name, value in values.items():
            tracks[name] = update(tracks.get(name, START), value, index)
        first = at if state.first_step is None else state.first_step
        view = View(at, index, first, tracks, controls, bad, at < state.last_step)
        states, findings, errors = self._run(state, view)
        seen = state.seen
        if not seen.issuperset(record):
            seen = seen.union(name for name, value in record.items() if value is not None)
        return State(index + 1, first, at, tracks, states, seen, errors), findings

    def _run(
        self, state: State, view: View
    ) -> tuple[tuple[Any, ...], list[Finding], Mapping[str, str]]:
        states: list[Any] = []
        findings: list[Finding] = []
        errors = state.errors
        for each, before in zip(self.detectors, state.states, strict=True):
            after = before
            try:
                after, found = each.step(before, view)
                if found is not None:
                    findings.append(found)
            except Exception as error:  # noqa: BLE001 - promise: one detector's fault is its own
                errors = {**errors, each.id: f"{type(error).__name__}: {error} (step {view.step})"}
            states.append(after)
        return tuple(states), findings, errors


def _news(track: Track | None, index: int) -> bool:
    return track is None or track.seen != index


def first_alert(name: str, records: Iterable[Mapping[str, Any]]) -> tuple[int, Severity] | None:
    """Return step and severity of the first finding of one detector, or None.

    Args:
        name: Id of a detector.
        records: In the order they came.

    Returns:
        None where it never fires.
    """
    monitor = Monitor(each for each in DETECTORS if each.id == name)
    state = monitor.start()
    for record in records:
        state, findings = monitor.step(state, record)
        if findings:
            return findings[0].step, findings[0].severity
    return None
