"""The audit of a live trainer: its configuration object, the verdict, and what that finds."""

import dataclasses
import enum
from collections.abc import Mapping
from typing import Any

from fade_core.errors import SettingError
from fade_core.findings import Finding, Severity, Text
from fade_core.kl_audit.audit import audit_config
from fade_core.kl_audit.config import COMMAND
from fade_core.kl_table import Verdict

DEPTH = 8
"""Nested objects deeper than this are left as they are."""

CONFIG_KEY = "kl_audit"
"""Where a run's configuration holds the verdict."""

DETECTOR = "kl_misconfigured"

LEVELS: dict[str, Severity] = {
    Verdict.BIASED.value: "warning",
    Verdict.NOT_A_REFERENCE_KL.value: "info",
    Verdict.NO_REGULARISATION.value: "critical",
    Verdict.DOES_NOT_RUN.value: "critical",
}
"""Of the verdicts that are a finding at all."""


def verdict_of(settings: Any, trainer: str, version: str | None = None) -> dict[str, Any]:
    """Audit a live trainer's configuration, as it is stored with the run.

    Args:
        settings: As for ``mapping_of``.
        trainer: A key of ``detect.READERS``.
        version: The trainer's version.

    Returns:
        ``Audit.as_dict()``: plain values, ready for JSON.

    Raises:
        SettingError: The configuration has no fields, or there is no such trainer.

    >>> import argparse
    >>> verdict_of(argparse.Namespace(beta=0.04), "trl-grpo", "1.9.2")["verdict"]
    'biased'
    """
    return audit_config(mapping_of(settings), trainer, version).as_dict()


def config_finding(verdict: Mapping[str, Any]) -> Finding | None:
    """Read the finding out of a stored verdict; it stands for the whole run.

    Says that the configuration does not follow the gradient of sequence-level reverse KL, never
    that the run will fail: k3 in the loss is stable in practice, and many recipes use no KL.

    Source: Shah et al., arXiv:2512.21852; ``docs/kl.md``.

    Args:
        verdict: From ``verdict_of``, through JSON; whatever else a client stored is no finding.

    Returns:
        A finding of ``kl_misconfigured`` at step 0, its variant the verdict; None where the
        verdict is good or unknown, or no KL was asked for.
    """
    name, remarks = str(verdict.get("verdict")), _remarks(verdict)
    if not verdict.get("asked") or name not in LEVELS:
        return None
    errors = [each for each in remarks if each.get("severity") == "error"]
    expected = str(verdict.get("on_policy") or "no gradient of a KL")
    text = Text(
        f"The KL penalty, as configured, is judged {name!r}: {verdict.get('reason')}.",
        f"It follows {expected} on average, not the reverse KL of whole sequences.",
        (str(verdict.get("change")), *(str(each.get("change")) for each in errors)),
    )
    evidence = {"rules_that_apply": float(len(remarks)), "errors": float(len(errors))}
    return Finding(
        DETECTOR, "critical" if errors else LEVELS[name], 0, 0, evidence, text, variant=name
    )


def config_findings(config: Mapping[str, Any]) -> tuple[Finding, ...]:
    """Return what a run's configuration says is wrong.

    Args:
        config: As the run was opened with; the verdict is under ``kl_audit``.
    """
    verdict = config.get(CONFIG_KEY)
    found = config_finding(verdict) if isinstance(verdict, Mapping) else None
    return () if found is None else (found,)


def _remarks(verdict: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    remarks = verdict.get("remarks")
    kept = remarks if isinstance(remarks, list | tuple) else ()
    return [each for each in kept if isinstance(each, Mapping)]


def mapping_of(settings: Any) -> dict[str, Any]:
    """Return the fields of a trainer's configuration object, nested ones too.

    Args:
        settings: A mapping, a dataclass instance, a pydantic model, or anything with its fields
            in ``__dict__`` (an argparse namespace).

    Returns:
        Fields by name; the class of the object under ``_command``, which tells TRL's apart.

    Raises:
        SettingError: It has no fields.

    >>> import argparse
    >>> mapping_of(argparse.Namespace(kl_coef=0.1))
    {'_command': 'Namespace', 'kl_coef': 0.1}
    """
    fields = _fields(settings)
    if fields is None:
        raise SettingError(
            f"a configuration must be a mapping or an object with fields, got {settings!r}"
        )
    plain = {str(name): _plain(entry, DEPTH) for name, entry in fields.items()}
    return plain if isinstance(settings, Mapping) else {COMMAND: type(settings).__name__, **plain}


def _fields(settings: Any) -> Mapping[Any, Any] | None:
    if isinstance(settings, Mapping):
        return settings
    if isinstance(settings, type | enum.Enum):
        return None
    if dataclasses.is_dataclass(settings):
        return {f.name: getattr(settings, f.name, None) for f in dataclasses.fields(settings)}
    found = getattr(settings, "__dict__", None)
    if not isinstance(found, dict):
        return None
    return {name: entry for name, entry in found.items() if not name.startswith("_")}


def _plain(entry: Any, depth: int) -> Any:
    if isinstance(entry, enum.Enum):
        return entry.value
    if depth == 0 or isinstance(entry, str | int | float | list | tuple) or entry is None:
        return entry
    fields = _fields(entry)
    if fields is None:
        return entry
    return {str(name): _plain(part, depth - 1) for name, part in fields.items()}
