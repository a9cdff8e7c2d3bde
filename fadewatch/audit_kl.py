"""The audit of a KL configuration as text or JSON, and the proof of it."""

import importlib
import importlib.metadata
import json
import math
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fade_core.errors import SettingError
from fade_core.kl_audit.audit import Audit, audit_config
from fade_core.kl_audit.config import CannotTellError, Config
from fade_core.kl_audit.detect import detect_trainer
from fade_core.kl_table import Verdict
from fadewatch.config_text import read_source

DISTRIBUTIONS = {
    "trl": "trl",
    "trl-grpo": "trl",
    "trl-rloo": "trl",
    "trl-ppo": "trl",
    "verl": "verl",
    "openrlhf": "openrlhf",
    "ms-swift": "ms-swift",
    "nemo-rl": "nemo-rl",
}
"""The package whose installed version is taken where none is given."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked; fields as the options of ``fadewatch audit kl``."""

    source: tuple[str, ...] = ()
    trainer: str | None = None
    version: str | None = None
    prove: bool = False
    penalty: str | None = None
    placement: str = "loss"
    fail_on: str | None = None
    as_json: bool = False


def answer(question: Question) -> tuple[str, bool]:
    """Answer a question about a KL configuration.

    Args:
        question: What is asked.

    Returns:
        The text to print, and whether the verdict is as bad as ``fail_on``.

    Raises:
        FadeError: Nothing can be answered; the message says what to give.
    """
    threshold = _threshold(question.fail_on)
    proving = question.prove or question.penalty is not None
    if not question.source and not proving:
        raise SettingError("give a configuration file or a command line, or --prove")
    audit = None
    if question.source:
        audit = _audited(list(question.source), question.trainer, question.version)
    proofs = _proofs(audit, question.penalty, question.placement) if proving else {}
    text = _as_json(audit, proofs) if question.as_json else _as_text(audit, proofs)
    failed = audit is not None and threshold is not None and audit.fails(threshold)
    return text, failed


def _threshold(word: str | None) -> Verdict | None:
    if word is None:
        return None
    known = {verdict.value.replace(" ", "-").lower(): verdict for verdict in Verdict}
    chosen = known.get(word.strip().replace(" ", "-").replace("_", "-").lower())
    if chosen is None:
        raise SettingError(f"--fail-on must be one of {', '.join(known)}, got {word!r}")
    return chosen


def _audited(words: list[str], trainer: str | None, version: str | None) -> Audit:
    mapping = read_source(words)
    return audit_config(mapping, trainer, version or _installed(mapping, trainer))


def _installed(mapping: dict[str, Any], trainer: str | None) -> str | None:
    try:
        named = trainer or detect_trainer(Config(mapping))
        return importlib.metadata.version(DISTRIBUTIONS[named])
    except (CannotTellError, KeyError, importlib.metadata.PackageNotFoundError):
        return None


def _proofs(audit: Audit | None, penalty: str | None, placement: str) -> dict[str, list[Any]]:
    # By name: the light commands must start without torch, and only fade_core.torch reaches it.
    try:
        report = importlib.import_module("fade_core.torch.kl_report")
    except ImportError as error:
        raise SettingError(
            f"--prove needs torch: pip install 'fadewatch[torch]' ({error})"
        ) from None
    if penalty is not None:
        return {penalty: report.prove(report.user_loss(_function(penalty), placement))}
    names = report.CONFIGURATIONS if audit is None else audit.configurations
    return {name: report.prove_configuration(name) for name in names}


def _function(path: str) -> Callable[..., Any]:
    module, colon, name = path.partition(":")
    if not colon or not name:
        raise SettingError(f"--penalty must be MODULE:FUNCTION, got {path!r}")
    sys.path.insert(0, str(Path.cwd()))
    try:
        function = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise SettingError(f"--penalty {path} cannot be loaded: {error}") from error
    finally:
        sys.path.remove(str(Path.cwd()))
    if not callable(function):
        raise SettingError(f"--penalty {path} is no function")
    found: Callable[..., Any] = function
    return found


def _as_text(audit: Audit | None, proofs: dict[str, list[Any]]) -> str:
    lines = [] if audit is None else _audit_lines(audit)
    for title, proved in proofs.items():
        report = importlib.import_module("fade_core.torch.kl_report")
        lines += ["", str(report.proof_text(title, proved))]
    return "\n".join(lines).lstrip("\n")


def _audit_lines(audit: Audit) -> list[str]:
    lines = [
        f"verdict     {audit.verdict.value}",
        f"trainer     {audit.trainer or 'not recognised'} {audit.version or '(version not known)'}",
        f"reason      {audit.reason}",
        f"change      {audit.change}",
        f"confidence  {audit.confidence}",
        f"source      {audit.source or '-'}",
    ]
    if audit.on_policy:
        lines.append(f"gradient    on-policy {audit.on_policy}; off-policy {audit.off_policy}")
    for remark in audit.remarks:
        lines += [
            f"{remark.severity:<11} {remark.id}: {remark.reason}",
            f"            -> {remark.change} ({remark.confidence}; {remark.source})",
        ]
    return lines


def _as_json(audit: Audit | None, proofs: dict[str, list[Any]]) -> str:
    answer = {
        "audit": None if audit is None else audit.as_dict(),
        "proofs": {title: [_plain(asdict(p)) for p in proved] for title, proved in proofs.items()},
    }
    return json.dumps(answer, indent=1, allow_nan=False)


def _plain(entry: Any) -> Any:
    # Strict JSON has no nan: it travels as text, as everywhere in this project.
    if isinstance(entry, dict):
        return {key: _plain(part) for key, part in entry.items()}
    return "NaN" if isinstance(entry, float) and math.isnan(entry) else entry
