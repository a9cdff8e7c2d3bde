"""Other tools as watchers, where they are installed: ``pip install rlwatch rldoctor rlprobe``.

Each is fed through its own programming interface with the names that it knows, live, at its
defaults. An alarm of a kind that names one of our causes carries our id of it, so that "cause in
time" means the same for all.
"""

import contextlib
import importlib
import importlib.util
import io
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bench.keys import TRL

Record = Mapping[str, Any]
Alerts = list[tuple[str, str, int]]
Watcher = Callable[[Iterable[Record]], Alerts]

EVERY = 25
"""Steps between two looks of the tools that read the whole history; their default."""

RLWATCH_CAUSES = {
    "kl_explosion": "kl_blowup",
    "gradient_norm_spike": "gradient_instability",
    "advantage_variance": "advantage_tails",
    "reward_hacking": "reward_hacking_suspected",
}
RLDOCTOR_CAUSES = {
    "kl_drift": "kl_blowup",
    "gradient_pathology": "gradient_instability",
    "advantage_collapse": "zero_variance",
    "reward_hacking": "reward_hacking_suspected",
}
RLPROBE_CAUSES = {
    "KL_BLOWUP": "kl_blowup",
    "ENTROPY_COLLAPSE": "entropy_collapse",
    "GRAD_PATHOLOGY": "gradient_instability",
    "DEGENERATE_GROUPS": "zero_variance",
    "TRUNCATION_STARVE": "length_pathology",
}
RLWATCH_FIELDS = {
    "entropy": "entropy",
    "kl_k3": "kl_divergence",
    "reward_mean": "reward_mean",
    "reward_std": "reward_std",
    "adv_std": "advantage_std",
    "loss": "loss",
    "grad_norm": "grad_norm",
}
RLPROBE_FIELDS = {
    "reward_mean": "reward_mean",
    "reward_std": "reward_std",
    "zero_variance_fraction": "zero_variance_group_frac",
    "kl_k3": "kl_mean",
    "entropy": "entropy_mean",
    "clip_fraction_high": "clip_fraction",
    "loss": "loss",
    "learning_rate": "lr",
    "grad_norm": "grad_norm",
    "adv_std": "adv_std",
    "response_length_mean": "completion_len_mean",
    "truncated_fraction": "truncation_rate",
}


def rlwatch(records: Iterable[Record]) -> Alerts:
    """Run rlwatch through its manual interface, with its cooldown and its cap of 50 alerts."""
    config = importlib.import_module("rlwatch.config").load_config()
    detectors = importlib.import_module("rlwatch.detectors").DetectorSuite(config)
    manager = importlib.import_module("rlwatch.alerts").AlertManager(config.alerts)
    alerts: Alerts = []
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        for record in records:
            raised = detectors.check_step(record["step"], **_named(record, RLWATCH_FIELDS))
            alerts += [
                (RLWATCH_CAUSES.get(each.detector, each.detector), each.severity, each.step)
                for each in raised
                if manager.send(each)
            ]
    return alerts


def rldoctor(records: Iterable[Record]) -> Alerts:
    """Run rldoctor's live monitor on TRL's keys; it says what is new or worse."""
    live = importlib.import_module("rl_doctor.live")
    monitor = live.LiveMonitor(check_every=EVERY, on_finding=lambda _: None)
    alerts: Alerts = []
    for record in records:
        metrics = _named(record, TRL)
        for each in monitor.log(metrics, step=record["step"]):
            name = RLDOCTOR_CAUSES.get(each.detector, each.detector)
            alerts.append((name, each.severity.name.lower(), record["step"]))
    return alerts


def rlprobe(records: Iterable[Record]) -> Alerts:
    """Run rlprobe's detectors as its callback does, every 25 steps on all steps so far.

    Its callback drops values that are no numbers, so they are dropped here too.
    """
    schemas = importlib.import_module("rlprobe.schemas")
    view = importlib.import_module("rlprobe.doctor.runview").RunView
    diagnose = importlib.import_module("rlprobe.doctor.engine").diagnose_view
    manifest = schemas.RunManifest(run_id="bench", created_at="2026-01-01", algorithm="grpo")
    rows: list[Any] = []
    alerts: Alerts = []
    told: set[tuple[str, str]] = set()
    for record in records:
        named = _named(record, RLPROBE_FIELDS)
        finite = {name: value for name, value in named.items() if not math.isnan(value)}
        rows.append(schemas.StepRecord(step=record["step"], **finite))
        if record["step"] == 0 or record["step"] % EVERY:
            continue
        for each in diagnose(view(manifest, rows)):
            key = (each.signature_id, each.severity)
            if each.severity != "info" and key not in told:
                told.add(key)
                name = RLPROBE_CAUSES.get(each.signature_id, each.signature_id)
                severity = "critical" if each.severity == "critical" else "warning"
                alerts.append((name, severity, record["step"]))
    return alerts


def _named(record: Record, names: Mapping[str, str]) -> dict[str, float]:
    return {names[name]: value for name, value in record.items() if name in names}


PACKAGES: dict[str, tuple[str, Watcher]] = {
    "rlwatch": ("rlwatch", rlwatch),
    "rldoctor": ("rl_doctor", rldoctor),
    "rlprobe": ("rlprobe", rlprobe),
}


def installed() -> dict[str, Watcher]:
    """Return the tools that can be imported here, by name."""
    return {
        name: watcher
        for name, (module, watcher) in PACKAGES.items()
        if importlib.util.find_spec(module) is not None
    }
