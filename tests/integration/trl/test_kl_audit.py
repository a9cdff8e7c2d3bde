"""The KL of a real TRL trainer is audited where it is attached."""

import logging
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pytest
from trl import GRPOConfig

import fade_client
import fade_client.trl
from fade_client.adapters.kl import audited
from tests.integration.trl.helpers import spools, trainer

HAS_CORRECTION = "use_bias_correction_kl" in {each.name for each in fields(GRPOConfig)}
needs_correction = pytest.mark.skipif(not HAS_CORRECTION, reason="a TRL without the correction")


def config_of(output: Path, **changes: Any) -> GRPOConfig:
    return GRPOConfig(output_dir=str(output), use_cpu=True, bf16=False, report_to=[], **changes)


def verdict_of(config: GRPOConfig) -> Any:
    return audited(config, "trl")["kl_audit"]


def test_a_real_configuration_without_beta_has_no_kl_and_asked_for_none(tmp_path: Path) -> None:
    found = verdict_of(config_of(tmp_path, beta=0.0))
    assert (found["trainer"], found["verdict"]) == ("trl-grpo", "no regularisation")
    assert not found["asked"]


@needs_correction
@pytest.mark.parametrize(
    ("changes", "verdict", "configuration"),
    [
        ({}, "token-correct", "rho-k3"),
        ({"use_bias_correction_kl": False}, "biased", "k3-in-loss"),
        ({"importance_sampling_level": "sequence"}, "biased", "geometric-k3"),
    ],
)
def test_a_real_configuration_is_judged_by_its_fields(
    changes: dict[str, Any], verdict: str, configuration: str, tmp_path: Path
) -> None:
    found = verdict_of(config_of(tmp_path, beta=0.04, **changes))
    assert (found["verdict"], found["configurations"]) == (verdict, (configuration,))


@pytest.mark.parametrize(("version", "verdict"), [("1.9.2", "biased"), ("1.10.0", "token-correct")])
def test_the_release_decides_where_the_configuration_does_not(
    version: str, verdict: str, tmp_path: Path
) -> None:
    told = asdict(config_of(tmp_path, beta=0.04))
    del told["use_bias_correction_kl"]
    assert audited(told, "trl-grpo", version)["kl_audit"]["verdict"] == verdict


def test_the_verdict_is_said_at_attach_and_kept_with_the_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watched = trainer(tmp_path, max_steps=1)
    with caplog.at_level(logging.INFO, logger="fade_client"):
        fade_client.trl.attach(watched, project="p", mode="local", dir=tmp_path)
    said = [record.message for record in caplog.records if "on KL" in record.message]
    watched.train()
    (spool,) = spools(tmp_path)
    kept = fade_client.read_run(spool)[0].config["kl_audit"]
    assert said == [
        f"fadewatch on KL: {kept['verdict']}: {kept['reason']}; to change it: {kept['change']}"
    ]
    assert kept["trainer"] == "trl-grpo"
    assert kept["verdict"] == ("no regularisation" if not watched.args.beta else "token-correct")
