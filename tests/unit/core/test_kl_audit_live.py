"""The verdict on a live trainer's KL, as it is stored with a run, and the finding in it."""

import json
from typing import Any

import pytest

from fade_core.diagnosis import diagnose
from fade_core.errors import SettingError
from fade_core.kl_audit.live import config_finding, config_findings, verdict_of
from fade_core.report import exit_code, report_json
from tests.unit.core.streams import failing, healthy


def stored(settings: dict[str, Any], trainer: str, version: str | None = None) -> dict[str, Any]:
    """Return a verdict as it comes back from a server."""
    verdict: dict[str, Any] = json.loads(json.dumps(verdict_of(settings, trainer, version)))
    return verdict


@pytest.mark.parametrize(
    ("settings", "trainer", "severity", "variant"),
    [
        ({"use_kl_loss": True, "kl_loss_coef": 0.1}, "slime", "critical", "no regularisation"),
        ({"kl_tau": 0.1}, "prime-rl", "info", "not a reference KL"),
        ({}, "ms-swift", "warning", "biased"),
        ({}, "areal", None, None),
        ({}, "verl", None, None),
        ({"beta": 0.1}, "trl-grpo", None, None),
    ],
)
def test_a_wrong_configuration_is_a_finding_at_the_start(
    settings: dict[str, Any], trainer: str, severity: str | None, variant: str | None
) -> None:
    found = config_finding(stored(settings, trainer))
    assert (found and found.severity, found and found.variant) == (severity, variant)
    if found is not None:
        assert (found.detector, found.step) == ("kl_misconfigured", 0)
        assert all(found.text.advice)
        assert all(isinstance(number, float) for number in found.evidence.values())


@pytest.mark.parametrize("said", [{}, {"verdict": 3}, {"asked": True, "verdict": "odd"}])
def test_what_is_no_verdict_is_no_finding(said: dict[str, Any]) -> None:
    assert config_finding(said) is None
    assert config_findings({"kl_audit": "biased"}) == ()
    assert config_findings({}) == ()


def test_an_unknown_trainer_is_refused() -> None:
    with pytest.raises(SettingError, match="no reader for trainer 'tlr'"):
        verdict_of({"beta": 0.1}, "tlr")


def test_a_standing_finding_comes_after_what_was_seen_to_go_wrong() -> None:
    standing = config_findings({"kl_audit": stored({}, "ms-swift")})
    report = diagnose(failing("entropy_collapse"), standing=standing)
    ids = [each.worst.detector for each in report.incidents]
    assert ids.index("entropy_collapse") < ids.index("kl_misconfigured")
    assert "entropy_collapse" in report.headline


def test_a_standing_finding_alone_is_the_headline_and_counts() -> None:
    standing = config_findings({"kl_audit": stored({}, "ms-swift")})
    report = diagnose((healthy(t) for t in range(60)), standing=standing)
    assert report.headline.startswith("warning: kl_misconfigured from step 0. The KL penalty")
    assert (exit_code(report), exit_code(report, "critical")) == (1, 0)
    (told,) = report_json(report)["findings"]
    assert (told["first_alert_step"], told["resolved_step"]) == (0, None)
    assert told["advice"]["variant"] == "biased"
