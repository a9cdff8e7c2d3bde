"""What a run reports, and what each trainer's metrics are called."""

import importlib.util

import pytest

import fade_client.adapters
from fade_client.adapters import coverage, signals
from fade_client.adapters.coverage import Coverage
from fade_client.adapters.trl.rewards import accuracy_index
from fade_client.errors import ConfigError
from fade_core.records import EXTRAS, FIELDS

VOCABULARIES = ["TRL", "VERL", "SKYRL", "OPENRLHF", "SLIME", "SWIFT"]


@pytest.mark.parametrize("name", VOCABULARIES)
def test_every_translation_leads_to_a_field_of_the_record(name: str) -> None:
    vocabulary = getattr(signals, name)
    assert set(vocabulary.fields.values()) <= set(FIELDS)


def test_keys_are_translated_kept_or_left_out() -> None:
    metrics = {"kl": 0.1, "reward": 0.5, "rewards/f/mean": 0.5, "mine": 1.0, "accuracy": 0.2}
    translated = signals.TRL.translate(metrics)
    assert translated == {
        "kl_k3": 0.1, "rewards/f/mean": 0.5, "mine": 1.0, "trainer/accuracy": 0.2,
    }  # fmt: skip
    assert [key for key in metrics if not signals.TRL.knows(key)] == ["mine", "accuracy"]


def test_a_detector_is_fed_by_any_of_its_needs_and_a_pair_as_a_whole() -> None:
    some = Coverage("T", ("kl_k1", "mass_success"), {"entropy": "switch it on"})
    assert some.feeds()["kl_blowup"] == ["kl_k1"]
    starved = some.starved()
    assert starved["entropy_collapse"] == "switch it on"
    assert "mass_failure" in starved["sign_imbalance"]
    assert "kl_statistics" in starved["kl_sampling_mismatch"]
    assert "fade_core.losses" in starved["apa_anomaly"]
    assert "entropy_collapse: switch it on" in some.report()


def test_every_need_of_a_detector_is_something_a_run_can_report() -> None:
    beside = {"pass_at_k", "held_out"}
    for needs in coverage.DETECTORS.values():
        flat = {one for need in needs for one in ((need,) if isinstance(need, str) else need)}
        assert flat <= set(FIELDS) | set(EXTRAS) | beside


def test_the_accuracy_is_named_or_found() -> None:
    assert accuracy_index(["anything"], None) == 0
    assert accuracy_index(["format", "is_correct"], None) == 1
    assert accuracy_index(["accuracy_a", "accuracy_b"], None) is None
    assert accuracy_index(["accuracy_a", "accuracy_b"], "accuracy_b") == 1
    with pytest.raises(ConfigError, match="there are: format"):
        accuracy_index(["format"], "accuracy")


def test_the_list_of_adapters_is_of_modules_that_exist() -> None:
    listed = fade_client.adapters.ADAPTERS
    assert {one.trainer for one in listed} >= {"TRL", "verl", "SkyRL", "OpenRLHF", "slime"}
    for adapter in listed:
        assert importlib.util.find_spec(adapter.module) is not None
        assert adapter.tried or adapter.check != "real functions"
