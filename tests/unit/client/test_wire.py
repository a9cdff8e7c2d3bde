"""What travels: exact floats, strict JSON, nothing outside its range."""

import base64
import json
import math
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray

from fade_client.frames import Array, Header, StepFrame, pack, read_frames
from fade_client.record import step_frame
from fade_client.wire import MAX_WEIGHTS, batch_body, fields_of, registration_body, sample_groups
from fade_core.scheduler import SchedulerConfig
from fade_core.weights import summarise_rewards, summarise_weights

REWARDS = np.array([[1, 0, 0, 0], [1, 1, 0, 0]], dtype=np.float32)
WEIGHTS = REWARDS - REWARDS.mean(axis=1, keepdims=True)


def forbid(name: str, why: str) -> None:
    pytest.fail(f"{name} was dropped: {why}")


def frame(step: int = 3, rewards: Any = None, advantages: Any = None, **scalars: Any) -> StepFrame:
    arrays = {"rewards": rewards, "advantages": advantages, "pass_at_k": None}
    return step_frame(step, 7.0, scalars=scalars, drop=forbid, **arrays)


def body_of(*frames: StepFrame, every: int = 1) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(batch_body(2, frames, every, forbid))
    return body


def test_summaries_are_those_of_fade_core() -> None:
    fields = fields_of(frame(rewards=REWARDS, advantages=WEIGHTS), forbid)
    expected = summarise_rewards(REWARDS) | summarise_weights(REWARDS, WEIGHTS)
    computed: dict[str, Any] = fields.scalars | fields.vectors
    assert computed == expected
    assert fields.scalars["accuracy"] == 0.375


def test_what_the_trainer_gave_goes_before_what_is_computed() -> None:
    fields = fields_of(frame(rewards=REWARDS, accuracy=0.5, reward_mean=9.0), forbid)
    assert (fields.scalars["accuracy"], fields.scalars["reward_mean"]) == (0.5, 9.0)


def test_accuracy_is_not_guessed_from_rewards_outside_0_and_1() -> None:
    fields = fields_of(frame(rewards=2.0 * REWARDS - 1.0), forbid)
    assert "accuracy" not in fields.scalars
    assert fields.scalars["reward_mean"] == -0.25


def test_unknown_names_travel_as_extra() -> None:
    body = body_of(frame(0, entropy=1.0, my_metric=2.0), frame(1, entropy=1.5))
    assert body["columns"] == {"entropy": [1.0, 1.5]}
    assert body["extra"] == {"my_metric": [2.0, None]}


@pytest.mark.parametrize("name", ["", " ", "a,b", "x" * 129, "line\nbreak"])
def test_a_name_that_no_server_takes_does_not_cost_the_record(name: str) -> None:
    dropped: list[str] = []
    spooled = StepFrame(0, 0.0, {name: 1.0, "loss": 2.0})
    fields = fields_of(spooled, lambda name, _: dropped.append(name))
    assert (fields.extra, fields.scalars, dropped) == ({}, {"loss": 2.0}, [name])


def test_numbers_that_are_not_finite_travel_as_strings() -> None:
    body = body_of(frame(loss=math.nan, kl_k1=math.inf, reward_mean=-math.inf))
    assert body["columns"] == {"loss": ["NaN"], "kl_k1": ["Infinity"], "reward_mean": ["-Infinity"]}


def test_a_value_out_of_its_range_is_left_out_and_named() -> None:
    dropped: list[tuple[str, str]] = []
    spooled = StepFrame(0, 0.0, {"clip_fraction_low": 1.5, "loss": 2.0})
    fields = fields_of(spooled, lambda name, why: dropped.append((name, why)))
    assert fields.scalars == {"loss": 2.0}
    assert dropped == [
        ("clip_fraction_low", "clip_fraction_low must be in [0, 1] (fraction), got 1.5")
    ]


def test_not_a_number_rewards_are_summarised_without_a_complaint() -> None:
    rewards = np.array([[math.nan, 1.0], [math.inf, -math.inf]])
    fields = fields_of(frame(rewards=rewards, advantages=rewards), forbid)
    assert math.isnan(fields.scalars["reward_mean"])


@given(st.floats(0.0, 1.0), st.floats(min_value=0.0, allow_infinity=False))
def test_accuracy_and_entropy_arrive_bit_for_bit(accuracy: float, entropy: float) -> None:
    columns = body_of(frame(accuracy=accuracy, entropy=entropy))["columns"]
    assert (columns["accuracy"], columns["entropy"]) == ([accuracy], [entropy])


def test_raw_weights_travel_row_by_row_as_float32() -> None:
    (entry,) = body_of(frame(rewards=REWARDS, advantages=WEIGHTS))["weights"]
    assert (entry["step"], entry["prompts"], entry["group_size"]) == (3, 2, 4)
    sent = np.frombuffer(base64.b64decode(entry["advantages"]), dtype="<f4").reshape(2, 4)
    np.testing.assert_array_equal(sent, WEIGHTS)


def test_of_a_large_batch_evenly_spaced_whole_groups_travel() -> None:
    rewards = np.repeat(np.arange(1024, dtype=np.float64)[:, None], 8, axis=1)
    (entry,) = body_of(frame(rewards=rewards, advantages=rewards))["weights"]
    sent = np.frombuffer(base64.b64decode(entry["rewards"]), dtype="<f4").reshape(-1, 8)
    assert sent.size == MAX_WEIGHTS
    assert sent[:, 0].tolist() == list(range(0, 1024, 2))
    assert (entry["sampled"], entry["prompts"]) == (True, 512)
    (whole,) = body_of(frame(rewards=rewards[:2], advantages=rewards[:2]))["weights"]
    assert (whole["sampled"], whole["prompts"]) == (False, 2)


def test_a_group_larger_than_the_limit_does_not_travel_raw() -> None:
    dropped: list[str] = []
    rewards = np.zeros((1, MAX_WEIGHTS + 1))
    spooled = frame(rewards=rewards, advantages=rewards)
    body = json.loads(batch_body(1, [spooled], 1, lambda name, _: dropped.append(name)))
    assert (body["weights"], dropped) == ([], ["weights"])


@pytest.mark.parametrize(("every", "steps"), [(0, []), (1, [0, 1, 2, 3]), (2, [0, 2])])
def test_raw_weights_travel_at_every_kth_step(every: int, steps: list[int]) -> None:
    frames = [frame(step, rewards=REWARDS, advantages=WEIGHTS) for step in range(4)]
    assert [entry["step"] for entry in body_of(*frames, every=every)["weights"]] == steps


@given(st.integers(1, 300), st.integers(1, 300))
def test_a_sample_is_of_different_groups_of_the_batch(prompts: int, room: int) -> None:
    chosen = sample_groups(prompts, room)
    assert len(set(chosen)) == min(prompts, room)
    assert 0 <= min(chosen) <= max(chosen) < prompts


def test_a_local_run_is_registered_as_a_controlled_one() -> None:
    header = Header(
        1, "p", "r", "k", "name", "local", {"lr": 1e-6}, ("a",), None, SchedulerConfig(), 1, 0.0
    )
    body = json.loads(registration_body(header))
    assert (body["mode"], body["config"], body["scheduler"]["alpha_max"]) == (
        "control",
        {"lr": 1e-6},
        3.0,
    )


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_packed_array_is_a_copy_in_its_own_dtype(
    tmp_path: Path, order: Literal["C", "F"]
) -> None:
    values = np.array([[1.0, 2.0], [3.0, 4.0]], dtype=np.float32, order=order)
    packed = pack(StepFrame(0, 0.0, {}, rewards=Array.of(values)))
    values[0, 0] = 9.0
    (tmp_path / "file").write_bytes(packed)
    with (tmp_path / "file").open("rb") as file:
        ((spooled, _),) = read_frames(file)
    assert isinstance(spooled, StepFrame)
    assert spooled.rewards is not None
    assert spooled.rewards.values().tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert spooled.rewards.dtype == "float32"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(
    rewards_PG=npst.arrays(
        np.float64,
        npst.array_shapes(min_dims=2, max_dims=2, max_side=4),
        elements=st.sampled_from([0.0, 1.0, 0.5, 2.0, -1.0, math.nan, math.inf]),
    )
    | npst.arrays(
        np.float64,
        npst.array_shapes(min_dims=2, max_dims=2, max_side=4),
        elements=st.sampled_from([0.0, 1.0]),
    )
)
def test_rewards_come_back_as_they_were_and_zeros_and_ones_are_a_byte_each(
    rewards_PG: NDArray[Any], dtype: Any
) -> None:
    given_PG = rewards_PG.astype(dtype)
    with TemporaryFile() as file:
        file.write(pack(StepFrame(0, 0.0, {}, rewards=Array.of_rewards(given_PG))))
        file.flush()
        ((spooled, _),) = read_frames(file)
    assert isinstance(spooled, StepFrame)
    assert spooled.rewards is not None
    np.testing.assert_array_equal(spooled.rewards.values(), given_PG)
    if set(given_PG.ravel()) <= {0.0, 1.0}:
        assert spooled.rewards.content.nbytes == given_PG.size
        assert spooled.rewards.solve_rate() == given_PG.mean(dtype=np.float64)
    else:
        assert spooled.rewards.solve_rate() is None
