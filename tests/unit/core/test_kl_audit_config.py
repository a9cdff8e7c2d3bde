"""How a configuration is looked up, and which trainer it is taken to be of."""

import argparse
import dataclasses
import enum
from typing import Any

import pytest

from fade_core.errors import SettingError
from fade_core.kl_audit.advice import NO_SUCH_SETTING, to_token, to_unbiased
from fade_core.kl_audit.audit import audit_config
from fade_core.kl_audit.config import CannotTellError, Config, parse_version
from fade_core.kl_audit.detect import detect_trainer
from fade_core.kl_audit.live import mapping_of
from fade_core.kl_audit.setup import Term
from fade_core.kl_table import Verdict


@pytest.mark.parametrize(
    ("mapping", "trainer"),
    [
        ({"actor": {"use_kl_loss": True, "kl_loss_coef": 0.1}}, "verl"),
        ({"actor": {"kl_estimator": "k1"}}, "areal"),
        ({"kl_loss_coef": 0.1}, "slime"),
        ({"vf_coef": 0.1, "kl_coef": 0.1}, "trl"),
        ({"beta": 0.1, "rlhf_type": "grpo"}, "ms-swift"),
    ],
)
def test_particular_keys_give_a_trainer_away(mapping: dict[str, Any], trainer: str) -> None:
    assert detect_trainer(Config(mapping)) == trainer


@pytest.mark.parametrize("mapping", [{"kl_coef": 0.1, "advantage_estimator": "grpo"}, {"beta": 1}])
def test_keys_that_several_trainers_have_give_none_away(mapping: dict[str, Any]) -> None:
    assert "name the trainer" in audit_config(mapping).reason


def test_a_version_that_is_none_is_an_unknown_answer() -> None:
    assert "no version number" in audit_config({"beta": 0.1}, "trl-grpo", "main").reason


@pytest.mark.parametrize(
    ("text", "numbers"), [("v0.7.1", (0, 7, 1)), ("1.10.0.dev0", (1, 10, 0)), ("2.0rc1", (2, 0))]
)
def test_a_version_is_its_numbers(text: str, numbers: tuple[int, ...]) -> None:
    assert parse_version(text) == numbers


@pytest.mark.parametrize(
    ("command", "trainer"),
    [
        ("python -m skyrl.train.entrypoints.main_base", "skyrl"),
        ("uv run examples/run_grpo_math.py", "nemo-rl"),
        ("trl rloo", "trl"),
    ],
)
def test_the_program_gives_the_trainer_away(command: str, trainer: str) -> None:
    assert detect_trainer(Config({"_command": command})) == trainer


@pytest.mark.parametrize("name", ["grpo", "rloo", "ppo"])
def test_the_class_of_a_trl_dump_chooses_the_trainer(name: str) -> None:
    mapping = {"_command": f"{name.upper()}Config", "beta": 0.1, "kl_coef": 0.1}
    assert audit_config(mapping, "trl", "1.16.0").trainer == f"trl-{name}"


def test_a_key_set_twice_is_not_guessed() -> None:
    mapping = {"a": {"kl_ctl": 0.1}, "b": {"kl_ctl": 0.2}}
    with pytest.raises(CannotTellError, match="more than once"):
        Config(mapping).get("kl_ctl")
    assert Config({"a": {"kl_ctl": 0.1}, "b": {"kl_ctl": 0.1}}).get("kl_ctl") == 0.1
    assert Config({"on": "yes"}).flag("on", default=False)


def test_what_was_not_enumerated_is_not_judged() -> None:
    with pytest.raises(CannotTellError, match="not enumerated"):
        Term("rho-abs", 1.0, "--kl-loss-type abs")
    settings = {"use_kl_loss": True, "kl_loss_coef": 0.1, "kl_loss_type": "abs"}
    corrected = audit_config({**settings, "use_unbiased_kl": True}, "slime")
    assert corrected.verdict is Verdict.UNKNOWN


def test_advice_falls_back_to_what_there_is() -> None:
    assert to_unbiased("prime-rl") == NO_SUCH_SETTING == to_token("prime-rl")
    assert to_token("areal") == to_unbiased("areal")


class Kind(enum.Enum):
    PLAIN = "k1"


@dataclasses.dataclass
class Actor:
    kl_ctl: float = 0.1
    kl_estimator: Kind = Kind.PLAIN


@dataclasses.dataclass
class PPOExperiment:
    actor: Actor = dataclasses.field(default_factory=Actor)
    other: object = dataclasses.field(default_factory=object)


@dataclasses.dataclass
class GRPOConfig:
    beta: float = 0.04
    use_bias_correction_kl: bool = True


def test_a_live_object_is_audited_as_its_file_would_be() -> None:
    assert audit_config(mapping_of(PPOExperiment())).verdict is Verdict.UNBIASED
    assert audit_config(mapping_of(GRPOConfig())).trainer == "trl-grpo"
    namespace = argparse.Namespace(beta=0.04, _private=1)
    assert mapping_of(namespace) == {"_command": "Namespace", "beta": 0.04}
    nested = {"a": {"b": {"c": None}}, "kl_ctl": 0}
    assert mapping_of(nested) == nested


@pytest.mark.parametrize("settings", [3, None, Kind, Kind.PLAIN])
def test_what_has_no_fields_is_no_configuration(settings: object) -> None:
    with pytest.raises(SettingError, match="object with fields"):
        mapping_of(settings)
