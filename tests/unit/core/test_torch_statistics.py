"""Entropy and the head's spectrum against closed forms."""

import math

import pytest
import torch

from fade_core.errors import SettingError, ShapeError
from fade_core.passk import pass_at_k
from fade_core.torch.entropy import token_entropy
from fade_core.torch.spectrum import head_spectrum


def test_a_uniform_distribution_has_the_log_of_its_size() -> None:
    assert token_entropy(torch.zeros(3, 8)).tolist() == pytest.approx([math.log(8)] * 3)


def test_a_forbidden_token_adds_nothing() -> None:
    logits = torch.tensor([0.0, 0.0, -math.inf], dtype=torch.float64)
    assert float(token_entropy(logits)) == pytest.approx(math.log(2))


def test_half_precision_logits_are_summed_in_single_precision() -> None:
    assert token_entropy(torch.zeros(4, dtype=torch.bfloat16)).dtype == torch.float32


def test_an_update_of_one_direction_has_a_share_of_one() -> None:
    update = torch.outer(torch.arange(1.0, 5.0), torch.ones(3))
    spectrum = head_spectrum(update, torch.zeros(4, 3))
    assert (spectrum.rank1_share, spectrum.stable_rank) == pytest.approx((1.0, 1.0))


def test_two_equal_directions_share_the_energy() -> None:
    spectrum = head_spectrum(torch.eye(2), torch.zeros(2, 2))
    assert (spectrum.rank1_share, spectrum.stable_rank) == pytest.approx((0.5, 2.0))


def test_no_update_has_no_spectrum() -> None:
    assert math.isnan(head_spectrum(torch.ones(4, 3), torch.ones(4, 3)).rank1_share)


def test_two_heads_of_different_shape_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"\[V, D\]"):
        head_spectrum(torch.ones(4, 3), torch.ones(3, 4))


@pytest.mark.parametrize(("n", "c", "k"), [(4, 2, 0), (4, 2, 5), (4, 5, 1), (4, -1, 1)])
def test_pass_at_k_refuses_counts_that_cannot_be(n: int, c: int, k: int) -> None:
    with pytest.raises(SettingError):
        pass_at_k(n, c, k)
