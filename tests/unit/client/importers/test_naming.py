"""What the trainers call our fields, and what is not what its name says."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from fade_client.errors import LogError
from fade_client.importers.keys import ALIASES, match
from fade_client.importers.mapping import KeyMapping, load_mapping, parse_mapping
from tests.unit.client.importers.reads import jsonl, only, text


def record(
    tmp_path: Path, row: dict[str, Any], mapping: KeyMapping | None = None
) -> dict[str, Any]:
    return only(jsonl(tmp_path / "a.jsonl", [{"step": 1, **row}]), mapping).steps[0]


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("completions/mean_length", "response_length_mean"),
        ("completion_length", "response_length_mean"),
        ("train/completions/clipped_ratio", "truncated_fraction"),
        ("response_length/clip_ratio", "truncated_fraction"),
        ("clip_ratio/region_mean", "clip_fraction"),
        ("clip_ratio/high_mean", "clip_fraction_high"),
        ("optim/entropy", "entropy"),
        ("actor/entropy_loss", "entropy"),
        ("actor/kl_loss", "kl_k3"),
        ("actor/ppo_kl", "kl_old"),
        ("rewards/accuracy_reward/mean", "accuracy"),
        ("eval_rewards/accuracy_reward/mean", "held_out"),
        ("val-core/math/acc/mean@1", "held_out"),
        ("train/agg/effective/math/reward/mean", "reward_mean"),
        ("mS", "mass_success"),
        ("advantage_kurtosis", "adv_kurtosis"),
        ("fade/alpha", "alpha"),
        ("fade_accuracy", "accuracy"),
    ],
)
def test_a_quantity_is_known_under_the_name_its_trainer_gives_it(key: str, name: str) -> None:
    found = match(key)
    assert found
    assert found.name == name


@pytest.mark.parametrize("key", ["step_time", "clip_ratio/low_min", "rewards/format/mean", "epoch"])
def test_what_is_no_field_is_not_taken_for_one(key: str) -> None:
    assert match(key) is None


def test_no_name_means_two_fields() -> None:
    keys = [key for names in ALIASES.values() for key in names]
    assert sorted(keys) == sorted(set(keys))


def test_the_best_name_of_a_field_is_taken_and_the_other_kept_as_it_is(tmp_path: Path) -> None:
    found = record(tmp_path, {"critic/rewards/mean": 0.1, "critic/score/mean": 0.2})
    assert found == {"step": 1, "reward_mean": 0.2, "critic/rewards/mean": 0.1}


def test_a_field_does_not_change_its_source_within_a_run(tmp_path: Path) -> None:
    logged: list[dict[str, Any]] = [{"step": s, "rewards/acc/mean": 0.5} for s in range(10)]
    logged[3]["train_accuracy"] = 0.9
    run = only(jsonl(tmp_path / "a.jsonl", logged))
    assert [each["accuracy"] for each in run.steps] == [0.5] * 10
    assert run.unknown_keys == {"train_accuracy": 1}


def test_a_reward_called_correctness_is_no_solve_rate(tmp_path: Path) -> None:
    logged = [{"step": s, "rewards/correctness_reward_func": 2.0 * (s % 2)} for s in range(4)]
    run = only(jsonl(tmp_path / "a.jsonl", logged))
    assert "accuracy" not in run.recognised
    assert "rewards/correctness_reward_func" in run.unknown_keys


def test_a_kl_that_is_negative_somewhere_is_the_first_order_estimate(tmp_path: Path) -> None:
    run = only(jsonl(tmp_path / "a.jsonl", [{"step": s, "kl": 0.1 - 0.1 * s} for s in range(4)]))
    assert run.recognised == {"kl_k1": "kl"}
    assert run.steps[3]["kl_k1"] == pytest.approx(-0.2)


def test_a_value_out_of_its_range_is_kept_under_its_own_name(tmp_path: Path) -> None:
    run = only(
        jsonl(tmp_path / "a.jsonl", [{"step": 1, "entropy": -2.0}, {"step": 2, "entropy": 1.0}])
    )
    assert run.steps == [{"step": 1, "entropy (as logged)": -2.0}, {"step": 2, "entropy": 1.0}]
    assert "entropy: 1 values" in run.warnings[0]


def test_a_fraction_that_misses_one_by_rounding_is_one(tmp_path: Path) -> None:
    assert record(tmp_path, {"frac_reward_zero_std": 1.0000001})["zero_variance_fraction"] == 1.0


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e24, 5e-324])
def test_extreme_numbers_arrive_as_they_are(tmp_path: Path, value: float) -> None:
    found = record(tmp_path, {"loss": value, "grad_norm": abs(value)})
    assert found["loss"] == pytest.approx(value, nan_ok=True)
    assert found["grad_norm"] == pytest.approx(abs(value), nan_ok=True)


def test_solved_and_unsolved_groups_together_have_no_variance(tmp_path: Path) -> None:
    row = {"env/all/by_group/frac_all_good": 0.25, "env/all/by_group/frac_all_bad": 0.5}
    assert record(tmp_path, row)["zero_variance_fraction"] == 0.75


def test_percentages_become_fractions(tmp_path: Path) -> None:
    row = {"train/baseline_reward/pct_0": 20.0, "train/baseline_reward/pct_1": 30.0}
    assert record(tmp_path, row)["zero_variance_fraction"] == pytest.approx(0.5)


def test_pass_at_k_is_gathered_by_k(tmp_path: Path) -> None:
    assert record(tmp_path, {"pass@1": 0.2, "eval/pass_at_64": 0.9})["pass_at_k"] == {
        1: 0.2,
        64: 0.9,
    }
    assert record(tmp_path, {"pass_at_k": {"16": 0.5}})["pass_at_k"] == {16: 0.5}


def test_the_statistics_of_our_monitors_keep_their_names_and_are_known(tmp_path: Path) -> None:
    rows = [{"step": 1, "kl_ratio_excess_z": -7.0, "apa_slope": 0.1, "odd": 1.0}]
    run = only(jsonl(tmp_path / "a.jsonl", rows))
    assert run.steps == [{"step": 1, "kl_ratio_excess_z": -7.0, "apa_slope": 0.1, "odd": 1.0}]
    assert run.recognised["apa_slope"] == "apa_slope"
    assert set(run.unknown_keys) == {"odd"}


def test_a_mapping_goes_before_what_is_built_in(tmp_path: Path) -> None:
    mapping = parse_mapping({"step": "n", "fields": {"entropy": "H"}, "ignore": ["secret*"]})
    path = jsonl(
        tmp_path / "a.jsonl", [{"n": 7, "H": 0.5, "entropy": 9.0, "secret/a": 1.0, "step": 0}]
    )
    run = only(path, mapping)
    assert run.steps[0]["step"] == 7
    assert run.steps[0]["entropy"] == 0.5
    assert run.steps[0]["entropy (as logged)"] == 9.0
    assert run.skipped["ignored, as the mapping says"] == 1


@pytest.mark.parametrize("suffix", [".toml", ".json"])
def test_a_mapping_file_is_toml_or_json(tmp_path: Path, suffix: str) -> None:
    content = {
        ".toml": 'step = "n"\n[fields]\nloss = "L"',
        ".json": '{"step":"n","fields":{"loss":"L"}}',
    }
    mapping = load_mapping(text(tmp_path / f"m{suffix}", content[suffix]))
    assert mapping == KeyMapping(step="n", fields={"L": "loss"})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([], "a mapping has"),
        ({"fileds": {}}, "fileds"),
        ({"fields": {"entropi": "H"}}, "did you mean entropy?"),
        ({"fields": {"entropy": 3}}, "must be a text"),
        ({"fields": 3}, "must map"),
        ({"every": -1}, "every must be"),
        ({"ignore": "x"}, "ignore must be"),
    ],
)
def test_a_wrong_mapping_is_refused_with_what_was_wanted(content: Any, said: str) -> None:
    with pytest.raises(LogError, match=said.replace("?", r"\?")):
        parse_mapping(content)


def test_a_mapping_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="nowhere"):
        load_mapping(tmp_path / "nowhere.json")
    with pytest.raises(LogError, match="cannot be read"):
        load_mapping(text(tmp_path / "m.json", json.dumps({})[:1]))
