"""The audit of a trainer's KL settings where a run is opened, and what is kept of it."""

import logging
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import fade_client
import fade_client.adapters.openrlhf
from fade_client.adapters import slime, swift
from fade_client.adapters.controller import open_controller
from fade_client.adapters.kl import announce, audited
from fade_client.adapters.signals import SKYRL, VERL
from fade_client.adapters.verl.estimator import Estimator
from fade_client.adapters.verl.tracking import Backend

GRPO_RECIPE = {
    "algorithm": {"adv_estimator": "grpo", "use_kl_in_reward": False},
    "actor_rollout_ref": {"actor": {"use_kl_loss": True, "kl_loss_type": "low_var_kl"}},
}


def kept(directory: Path) -> Any:
    """Return the verdict that a run's spool holds."""
    (spool,) = directory.rglob("*.spool")
    return fade_client.read_run(spool)[0].config["kl_audit"]


def test_verls_configuration_is_audited_and_the_verdict_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    opening = {"mode": "local", "dir": str(tmp_path)}
    with caplog.at_level(logging.INFO, logger="fade_client"):
        Backend(Estimator(), "p", "e", GRPO_RECIPE | {"fadewatch": opening}).finish()
    assert (kept(tmp_path)["trainer"], kept(tmp_path)["verdict"]) == ("verl", "biased")
    assert kept(tmp_path)["configurations"] == ["k3-in-loss"]
    said = [record for record in caplog.records if "on KL" in record.message]
    assert [(record.levelname, record.message.count("\n")) for record in said] == [("WARNING", 0)]
    assert "biased: K3 in loss" in said[0].message
    assert "algorithm.use_kl_in_reward=True" in said[0].message


def test_verl_without_a_kl_is_no_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = {"algorithm": {"adv_estimator": "grpo"}}
    with caplog.at_level(logging.INFO, logger="fade_client"):
        Backend(
            Estimator(), "p", "e", config | {"fadewatch": {"mode": "local", "dir": str(tmp_path)}}
        ).finish()
    assert (kept(tmp_path)["verdict"], kept(tmp_path)["asked"]) == ("no regularisation", False)
    assert [r.levelname for r in caplog.records if "on KL" in r.message] == ["INFO"]


def test_openrlhf_is_audited_from_its_nested_arguments(tmp_path: Path) -> None:
    kl = Namespace(init_coef=0.01, estimator="k3", use_loss=True)
    maker = type("RemoteExperienceMaker", (), {"compute_advantages_and_returns": None})
    maker.compute_advantages_and_returns = lambda _self, one: one  # type: ignore[attr-defined]
    controller = fade_client.adapters.openrlhf.wrap(
        maker, "p", settings=Namespace(algo=Namespace(kl=kl)), mode="local", dir=tmp_path
    )
    controller.finish()
    assert (kept(tmp_path)["trainer"], kept(tmp_path)["verdict"]) == ("openrlhf", "biased")


def test_slime_is_audited_from_the_arguments_of_the_first_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FADEWATCH_DIR", str(tmp_path))
    monkeypatch.setenv("FADEWATCH_MODE", "local")
    args = Namespace(
        n_samples_per_prompt=2, normalize_advantages=False, use_kl_loss=True, kl_loss_coef=0.01,
        kl_loss_type="k1", kl_coef=0.0, advantage_estimator="grpo",
    )  # fmt: skip
    samples = [SimpleNamespace(get_reward_value=lambda _args, r=r: r) for r in (1.0, 0.0)]
    slime.post_process_rewards(args, samples)
    slime.finish()
    assert kept(tmp_path)["verdict"] == "no regularisation"
    assert kept(tmp_path)["asked"]


def test_skyrl_is_audited_from_the_configuration_that_it_is_given(tmp_path: Path) -> None:
    algorithm = {"use_kl_loss": True, "kl_estimator_type": "k3", "kl_loss_coef": 0.001}
    open_controller(
        "SkyRL", SKYRL, "p", settings={"trainer": {"algorithm": algorithm}}, mode="local",
        dir=tmp_path,
    ).finish()  # fmt: skip
    assert (kept(tmp_path)["trainer"], kept(tmp_path)["verdict"]) == ("skyrl", "biased")


def test_ms_swift_is_audited_as_itself_and_not_as_trl() -> None:
    assert swift.SwiftAttachment.audited == "ms-swift"
    given = SimpleNamespace(beta=0.04, advantage_estimator="rloo", kl_in_reward=True)
    verdict = audited(given, swift.SwiftAttachment.audited)["kl_audit"]
    assert (verdict["trainer"], verdict["verdict"]) == ("ms-swift", "unbiased")


def test_without_settings_there_is_no_verdict(tmp_path: Path) -> None:
    controller = open_controller("verl", VERL, "p", mode="local", dir=tmp_path)
    controller.finish()
    (spool,) = tmp_path.rglob("*.spool")
    assert "kl_audit" not in fade_client.read_run(spool)[0].config
    assert audited(None, "verl") == {}
    announce({})


def test_an_audit_that_fails_costs_the_verdict_and_not_the_run(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert audited(3, "verl") == {}
    assert "could not be audited" in caplog.text
