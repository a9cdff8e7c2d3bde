"""Summary of one batch of advantage weights: moments, tails, masses, difficulty.

Shapes: ``P`` prompts, ``G`` rollouts of each prompt.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fade_core.errors import ShapeError
from fade_core.gradient_mass import batch_mass
from fade_core.records import DIFFICULTY_BINS, QUANTILE_GRID

Floats = NDArray[np.float64]
Summary = dict[str, float | list[float]]


def summarise_rewards(rewards_PG: ArrayLike) -> Summary:
    """Return the outcome fields of a step record.

    Source: FADE, arXiv:2607.01490; all-solved and none-solved are kept apart because they
    call for opposite cures.

    Args:
        rewards_PG: ``[P, G]`` floats, any units, before any filtering.

    Returns:
        Values by the names of ``records.FIELDS``. ``accuracy`` and the two solved fractions
        are present only where every reward is in [0, 1]: of other rewards they are not known.

    Raises:
        ShapeError: The array is not ``[P, G]`` or is empty.
    """
    rewards = _grouped("rewards", rewards_PG)
    summary: Summary = {
        "reward_mean": float(rewards.mean()),
        "reward_std": float(rewards.std()),
        "zero_variance_fraction": float((rewards == rewards[:, :1]).all(axis=1).mean()),
    }
    if bool(((rewards >= 0.0) & (rewards <= 1.0)).all()):
        rbar_P = rewards.mean(axis=1)
        summary["accuracy"] = float(rewards.mean())
        summary["all_solved_fraction"] = float((rewards == 1.0).all(axis=1).mean())
        summary["none_solved_fraction"] = float((rewards == 0.0).all(axis=1).mean())
        summary["difficulty_histogram"] = _by_bin(rbar_P, np.ones_like(rbar_P))
    return summary


def summarise_weights(rewards_PG: ArrayLike, weights_PG: ArrayLike) -> Summary:
    """Return the advantage fields of a step record.

    Moments are of the population. The tail measures are of ``|A|``: excess kurtosis
    ``E[(A - mean)^4] / var^2 - 3``, Gini index, share of the largest 1 %, and by prompt the
    effective number ``(sum m)^2 / (P sum m^2)`` of the masses ``m``.

    Source: FADE, arXiv:2607.01490, sections 2 to 6; Kish 1965 for the effective number.

    Args:
        rewards_PG: ``[P, G]`` floats.
        weights_PG: ``[P, G]`` floats, the advantages of the same rollouts.

    Returns:
        Values by the names of ``records.FIELDS``; ``nan`` where a quantity is undefined, such
        as the kurtosis of equal weights. By difficulty only where rewards are in [0, 1].

    Raises:
        ShapeError: An array is not ``[P, G]`` or is empty, or the two differ in shape.
    """
    rewards, weights = _grouped("rewards", rewards_PG), _grouped("advantages", weights_PG)
    mass = batch_mass(rewards, weights)
    size_PG = np.abs(weights)
    summary: Summary = {
        "adv_mean": float(weights.mean()),
        "adv_std": float(weights.std()),
        "adv_min": float(weights.min()),
        "adv_max": float(weights.max()),
        "adv_kurtosis": excess_kurtosis(weights.ravel()),
        "adv_top1_share": top_share(size_PG.ravel(), 0.01),
        "adv_gini": gini(size_PG.ravel()),
        "adv_quantiles": np.quantile(weights, QUANTILE_GRID).tolist(),
        "mass_success": mass.success,
        "mass_failure": mass.failure,
        "prompt_ess": effective_fraction(size_PG.mean(axis=1)),
    }
    if bool(((rewards >= 0.0) & (rewards <= 1.0)).all()):
        mass_P = size_PG.mean(axis=1) / len(size_PG)
        summary["mass_by_difficulty"] = _by_bin(rewards.mean(axis=1), mass_P, mean=False)
    return summary


def excess_kurtosis(values_N: Floats) -> float:
    """Return ``E[(x - mean)^4] / var^2 - 3`` of the population; ``nan`` for equal values.

    Source: standard definition (Fisher).

    Args:
        values_N: ``[N]`` floats, N >= 1.

    Returns:
        At least -2; 0 for a normal distribution.
    """
    centred = values_N - values_N.mean()
    scale = float(np.abs(centred).max())
    # What is left of equal values after subtracting their mean is rounding, not spread.
    if not scale > 4 * np.finfo(np.float64).eps * float(np.abs(values_N).max()):
        return float("nan")
    # Scaled first: fourth powers of tiny or huge weights would leave the range of floats.
    unit = centred / scale
    return max(-2.0, float((unit**4).mean()) / float((unit**2).mean()) ** 2 - 3.0)


def top_share(sizes_N: Floats, fraction: float) -> float:
    """Return the share of the total that the largest ``fraction`` of values holds.

    Source: standard definition; at least one value counts, so small batches have a share.

    Args:
        sizes_N: ``[N]`` floats >= 0, N >= 1.
        fraction: In (0, 1]; ``ceil(fraction * N)`` values are taken.

    Returns:
        In [0, 1]; ``nan`` where all values are 0 or one is ``nan``.
    """
    total = float(sizes_N.sum())
    if not total > 0.0:
        return float("nan")
    count = int(np.ceil(fraction * len(sizes_N)))
    return float(np.sort(sizes_N)[-count:].sum()) / total


def gini(sizes_N: Floats) -> float:
    """Return the Gini index: 0 when all values are equal, toward 1 when one holds all.

        G = sum_i (2 i - N - 1) x_(i) / (N sum x),   x_(1) <= ... <= x_(N)

    Source: standard definition (Gini 1912), sorted form.

    Args:
        sizes_N: ``[N]`` floats >= 0, N >= 1.

    Returns:
        In [0, 1 - 1/N]; ``nan`` where all values are 0 or one is ``nan``.
    """
    total = float(sizes_N.sum())
    if not total > 0.0:
        return float("nan")
    count = len(sizes_N)
    rank_N = 2.0 * np.arange(1, count + 1) - count - 1.0
    return max(0.0, float((rank_N * np.sort(sizes_N)).sum()) / (count * total))


def effective_fraction(masses_P: Floats) -> float:
    """Return the effective number of prompts over their number, by mass.

        ESS / P = (sum m)^2 / (P sum m^2)

    Source: Kish 1965, "Survey Sampling".

    Args:
        masses_P: ``[P]`` floats >= 0, P >= 1.

    Returns:
        In [1/P, 1]; ``nan`` where no prompt has any mass or one is ``nan``.
    """
    total = float(masses_P.sum())
    if not total > 0.0:
        return float("nan")
    # Scaled first: squares of tiny masses would underflow.
    share_P = masses_P / total
    return min(1.0, 1.0 / (len(masses_P) * float((share_P**2).sum())))


def _by_bin(solve_rate_P: Floats, amount_P: Floats, *, mean: bool = True) -> list[float]:
    bin_P = np.minimum((solve_rate_P * DIFFICULTY_BINS).astype(np.int64), DIFFICULTY_BINS - 1)
    totals = np.bincount(bin_P, weights=amount_P, minlength=DIFFICULTY_BINS)
    values: list[float] = (totals / len(solve_rate_P) if mean else totals).tolist()
    return values


def _grouped(name: str, values_PG: ArrayLike) -> Floats:
    values = np.asarray(values_PG, dtype=np.float64)
    if values.ndim != 2 or values.size == 0:
        raise ShapeError(f"{name} must be [P, G] and not empty, got {list(values.shape)}")
    return values
