"""PPO, GRPO, APA and AWR against numbers done by hand, and what they refuse."""

import math
from typing import Any

import pytest
import torch

from fade_core.errors import LogProbError, SettingError, ShapeError
from fade_core.kl_table import Penalty
from fade_core.torch.aggregation import aggregate, whiten
from fade_core.torch.kl import Batch
from fade_core.torch.losses import apa, awr, grpo, ppo_clip

LOGP = torch.log(torch.tensor([[0.5, 0.4], [0.3, 0.9]], dtype=torch.float64))
OLD = torch.log(torch.tensor([[0.25, 0.5], [0.3, 0.1]], dtype=torch.float64))
MASK = torch.tensor([[1, 1], [1, 0]])
A = torch.tensor([[1.0, 1.0], [-2.0, -2.0]], dtype=torch.float64)


@pytest.mark.parametrize(
    ("how", "constant", "expected"),
    [("token-mean", None, 7 / 3), ("sequence-mean", None, 2.75), ("constant", 4.0, 0.875)],
)
def test_the_aggregations_divide_as_they_say(
    how: Any, constant: float | None, expected: float
) -> None:
    values = torch.tensor([[1.0, 2.0], [4.0, math.nan]])
    assert float(aggregate(values, MASK, how, constant)) == pytest.approx(expected)


def test_a_sequence_without_tokens_counts_as_zero() -> None:
    values = torch.tensor([[1.0], [5.0]])
    assert float(aggregate(values, torch.tensor([[1], [0]]), "sequence-mean")) == 0.5


def test_ppo_clips_on_the_side_of_the_advantage() -> None:
    # rho = 2, 0.8 and 1: -min(2, 1.2), -min(0.8, 0.8), -min(-2, -2).
    assert float(ppo_clip(LOGP, OLD, A, MASK)) == pytest.approx((-1.2 - 0.8 + 2.0) / 3)
    wide = ppo_clip(LOGP, OLD, A[:, :1], MASK, clip_high=2.0, check=False)
    assert float(wide) == pytest.approx((-2.0 - 0.8 + 2.0) / 3)


def test_grpo_adds_beta_times_the_penalty() -> None:
    one = Batch(LOGP, OLD, MASK, rollout_logp_NT=OLD)
    base = float(grpo(one, A[:, :1]))
    assert base == pytest.approx(float(ppo_clip(LOGP, OLD, A, MASK)))
    d = [math.log(2.0), math.log(0.8), 0.0]
    k3 = [math.exp(-x) - 1 + x for x in d]
    expected = base + 0.1 * sum(math.exp(x) * k for x, k in zip(d, k3, strict=True)) / 3
    assert float(grpo(one, A[:, :1], beta=0.1)) == pytest.approx(expected)
    plain = grpo(one, A[:, :1], beta=0.1, penalty=Penalty("k3", "loss"), check=False)
    assert float(plain) == pytest.approx(base + 0.1 * sum(k3) / 3)


def test_grpo_on_policy_has_a_ratio_of_one() -> None:
    one = Batch(LOGP, OLD, MASK)
    assert float(grpo(one, A[:, :1])) == pytest.approx((-1.0 - 1.0 + 2.0) / 3)


def test_apa_is_the_squared_distance_to_its_target() -> None:
    d = [math.log(2.0), math.log(0.8), 0.0]
    expected = sum((x - a / 0.5) ** 2 for x, a in zip(d, (1.0, 1.0, -2.0), strict=True)) / 3
    assert float(apa(LOGP, OLD, A, MASK, temperature=0.5)) == pytest.approx(expected)


def test_apa_of_whitened_advantages_starts_at_one_over_lambda_squared() -> None:
    white = whiten(torch.randn(4, 8, generator=torch.Generator().manual_seed(0)).double(),
                   torch.ones(4, 8))  # fmt: skip
    logp = torch.full((4, 8), -1.0).double()
    loss = apa(logp, logp, white, torch.ones(4, 8), temperature=0.1)
    assert float(loss) == pytest.approx(100.0, rel=1e-6)


def test_awr_weighs_by_the_exponential_and_may_cut() -> None:
    expected = -(math.exp(2) * math.log(0.5) + math.exp(2) * math.log(0.4)
                 + math.exp(-4) * math.log(0.3)) / 3  # fmt: skip
    assert float(awr(LOGP, A, MASK, temperature=0.5)) == pytest.approx(expected)
    cut = -(math.log(0.5) + math.log(0.4) + math.exp(-4) * math.log(0.3)) / 3
    assert float(awr(LOGP, A, MASK, temperature=0.5, max_weight=1.0)) == pytest.approx(cut)


def test_whitening_leaves_padding_out() -> None:
    white = whiten(torch.tensor([[1.0, 3.0], [2.0, 99.0]]), MASK)
    assert white.flatten().tolist() == pytest.approx([-(1.5**0.5), 1.5**0.5, 0.0, 0.0], abs=1e-5)


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: aggregate(LOGP, MASK[:1], "token-mean"), ShapeError, "values and mask"),
        (lambda: aggregate(LOGP, MASK, "mean"), SettingError, "how must be"),  # type: ignore[arg-type]
        (lambda: aggregate(LOGP, MASK, "constant"), SettingError, "constant must be > 0"),
        (lambda: ppo_clip(LOGP, OLD, A, MASK, clip_low=1.5), SettingError, "clip_low"),
        (lambda: ppo_clip(LOGP, OLD, A, MASK, clip_high=-1.0), SettingError, "clip_high"),
        (lambda: ppo_clip(LOGP, OLD[:1], A, MASK), ShapeError, "same shape"),
        (lambda: ppo_clip(LOGP, OLD, A[:1], MASK), ShapeError, "same shape"),
        (lambda: ppo_clip(LOGP, OLD, A[0], MASK), ShapeError, "advantages must be"),
        (lambda: ppo_clip(LOGP, OLD, A, 0 * MASK), ShapeError, "completion mask"),
        (lambda: ppo_clip(LOGP * math.nan, OLD, A, MASK), LogProbError, "logp_NT has 3"),
        (lambda: ppo_clip(LOGP, OLD, A * math.inf, MASK), LogProbError, "an advantage is nan"),
        (lambda: grpo(Batch(LOGP, OLD, MASK), A, beta=-0.1), SettingError, "beta must be"),
        (
            lambda: grpo(Batch(LOGP, OLD, MASK), A, penalty=Penalty("k1", "reward")),
            SettingError,
            "belongs in the advantages",
        ),
        (lambda: apa(LOGP, OLD, A, MASK, temperature=0.0), SettingError, "lambda"),
        (lambda: awr(LOGP, A, MASK, temperature=-1.0), SettingError, "lambda"),
        (lambda: awr(LOGP, A, MASK, temperature=1.0, max_weight=0.0), SettingError, "max_weight"),
        (lambda: whiten(A, MASK, eps=0.0), SettingError, "eps"),
    ],
)
def test_what_cannot_be_right_is_refused_with_advice(
    call: Any, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        call()
