"""FADE's weights for rollouts in any order."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fade_client.adapters.rows import Rows, outside
from fade_client.adapters.verl.sessions import final_rows
from fade_core.advantages import fade, grpo
from fade_core.errors import RewardError, ShapeError


@given(st.integers(1, 5), st.integers(2, 6), st.floats(1.0, 3.0), st.floats(0.3, 1.0), st.randoms())
def test_rows_in_any_order_are_weighed_as_groups_are(
    prompts: int, size: int, alpha: float, delta: float, random: Any
) -> None:
    rewards_PG = np.array([[random.randint(0, 1) for _ in range(size)] for _ in range(prompts)])
    order = list(range(prompts * size))
    random.shuffle(order)
    groups = [f"prompt-{row // size}" for row in order]
    rows = Rows.of(rewards_PG.reshape(-1)[order], groups)
    expected = fade(rewards_PG, alpha, delta).reshape(-1)[order]
    assert rows.fade(alpha, delta) == pytest.approx(expected, abs=1e-12)
    assert rows.centred() == pytest.approx(grpo(rewards_PG).reshape(-1)[order], abs=1e-12)


def test_a_group_of_one_gets_no_weight() -> None:
    rows = Rows.of([1.0, 0.0, 1.0], ["a", "b", "b"])
    assert rows.fade(1.0, 1.0).tolist() == [0.0, -0.5, 0.5]
    assert rows.grouped(rows.rewards_N) is None


def test_the_lead_follows_the_solve_rate_and_the_sign_the_reward() -> None:
    # Solve rate 1/2, so the lead is 1/2 at alpha 2; the reward adds a bonus to one failure.
    rows = Rows.of([1.0, 0.6], ["a", "a"], solved_N=[1.0, 0.0])
    assert rows.fade(2.0, 0.5) == pytest.approx([0.5 * 0.2, -0.5 * 0.2 / 0.5])


def test_uneven_groups_have_an_outcome_by_prompt() -> None:
    outcome = Rows.of([1.0, 1.0, 1.0, 0.0, 1.0], ["a", "a", "a", "b", "b"]).outcome()
    assert outcome["accuracy"] == pytest.approx(0.75)
    assert outcome["zero_variance_fraction"] == pytest.approx(0.5)


def test_rewards_that_are_no_solve_rates_are_refused() -> None:
    rows = Rows.of([1.0, -1.0], ["a", "a"])
    with pytest.raises(RewardError, match=r"in \[0, 1\] and finite, got -1 to 1"):
        rows.fade(2.0, 1.0)
    assert outside([float("nan")]) is not None
    assert outside([]) == "there is no reward in the batch"
    assert "accuracy" not in rows.outcome()


def test_one_group_a_reward_is_wanted() -> None:
    with pytest.raises(ShapeError, match="2 groups"):
        Rows.of([1.0], ["a", "b"])


def test_the_last_output_of_a_session_is_its_outcome() -> None:
    keys = ["a_0_1", "a_0_0", "a_1_0", "padff", "b_c_0_2"]
    final, place = final_rows(keys)
    assert final == [0, 2, 3, 4]
    assert place == [0, 0, 1, 2, 3]
