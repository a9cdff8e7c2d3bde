"""Every value of the reference file has its test."""

from pathlib import Path

from tests.helpers import golden

HERE = Path(__file__).parents[1]
WHERE = {
    "golden/test_fade.py": "alpha delta fade_adv fade_two_value ema_A ema_B step passk",
    "golden/test_masses.py": "mass power_shape scale signal_ratio_alpha3 breakeven_alpha3 tail "
    "tails_by_method zero_std_share neff",
    "unit/core_torch/test_statistics.py": "token_cov mismatch",
    "unit/core_torch/test_spectrum.py": "rank",
}
WITHOUT_INPUTS = {"mean_pair_cos"}
"""A cosine between hidden states that no part computes, of vectors that the file does not have."""


def test_every_key_of_the_reference_is_read_by_a_test() -> None:
    named = {key: file for file, keys in WHERE.items() for key in keys.split()}
    assert set(named) | WITHOUT_INPUTS == set(golden())
    for key, file in named.items():
        assert f'"{key}"' in (HERE / file).read_text(), key
