"""What is read from which level of detail."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from fade_server.services.levels import block_steps, bucket_steps, level_for, plan

STEPS = st.integers(0, 2**53 - 1)


@given(STEPS, STEPS, STEPS, st.integers(8, 100_000))
def test_a_plan_reads_every_step_once_and_in_order(a: int, b: int, end: int, points: int) -> None:
    low, high = sorted((a, b))
    end -= end % block_steps(1)
    pieces = list(plan(low, high, level_for(high - low + 1, points), end))
    assert (pieces[0].low, pieces[-1].high) == (low, high)
    assert all(one.high + 1 == other.low for one, other in pairwise(pieces))
    for piece in pieces:
        if piece.level:
            assert piece.low % bucket_steps(piece.level) == 0
            assert (piece.high + 1) % bucket_steps(piece.level) == 0
            assert piece.high < end


@given(STEPS, STEPS, st.integers(8, 20_000))
def test_a_plan_reads_few_rows_and_few_blocks_at_any_length(a: int, b: int, points: int) -> None:
    low, high = sorted((a, b))
    end = (high + 1) // block_steps(1) * block_steps(1)
    pieces = list(plan(low, high, level_for(high - low + 1, points), end))
    blocks = sum(
        one.high // block_steps(one.level) - one.low // block_steps(one.level) + 1
        for one in pieces
        if one.level
    )
    rows = sum(one.high - one.low + 1 for one in pieces if not one.level)
    assert blocks <= 16 * points / 4 / 64 + 64 * 11
    assert rows <= max(16 * points / 4, 2 * bucket_steps(1) + block_steps(1))
