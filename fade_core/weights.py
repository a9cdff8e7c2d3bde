"""Summary of one batch of advantage weights: moments, tails, masses, difficulty.

Shapes: ``P`` prompts, ``G`` rollouts of each prompt, ``N`` rollouts in all.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fade_core.advantages import advantages
from fade_core.advantages.grouping import Grouping, Labels, Rows
from fade_core.errors import SettingError, ShapeError
from fade_core.gradient_mass import batch_mass
from fade_core.records import DIFFICULTY_BINS, QUANTILE_GRID

Floats = NDArray[np.float64]
Summary = dict[str, float | list[float]]


@dataclass(frozen=True, slots=True)
class Tails:
    """How unevenly a set of advantage weights A is spread.

    Attributes:
        zero_share: Share of weights that are exactly 0, in [0, 1].
        max_over_mean: Largest |A| over the mean |A|, >= 1.
        excess_kurtosis: Of A itself, >= -2; 0 for a normal distribution.
        gini: Gini index of |A|, in [0, 1).
        top1_share: Share of the sum of |A| that the largest 1 % holds.
        kish_fraction: Effective over real number of rollouts, by |A|, in (0, 1].
    """

    zero_share: float
    max_over_mean: float
    excess_kurtosis: float
    gini: float
    top1_share: float
    kish_fraction: float


@dataclass(frozen=True, slots=True)
class Hill:
    """A Hill index, or why there is none.

    Attributes:
        index: Estimated tail exponent, > 0; smaller is heavier; ``nan`` where it says nothing.
        reason: Why it says nothing; empty where it does.
    """

    index: float
    reason: str = ""


def summarise_rewards(rewards_PG: ArrayLike, *, groups: ArrayLike | None = None) -> Summary:
    """Return the outcome fields of a step record.

    Source: FADE, arXiv:2607.01490; all-solved and none-solved are kept apart because they
    call for opposite cures.

    Args:
        rewards_PG: ``[P, G]`` floats, any units, before any filtering; or ``[N]`` with
            ``groups``.
        groups: ``[N]`` integer labels of ragged groups.

    Returns:
        Values by the names of ``records.FIELDS``. ``accuracy`` and the two solved fractions
        are present only where every reward is in [0, 1]: of other rewards they are not known.

    Raises:
        ShapeError: The arrays do not have these shapes, or are empty.
    """
    rewards, group = _grouped("rewards", rewards_PG, groups)
    smallest, largest = -group.each(group.max(-rewards)), group.each(group.max(rewards))
    summary: Summary = {
        "reward_mean": float(rewards.mean()),
        "reward_std": float(rewards.std()),
        "zero_variance_fraction": float((smallest == largest).mean()),
    }
    if bool(((rewards >= 0.0) & (rewards <= 1.0)).all()):
        rbar_P = group.each(group.mean(rewards))
        summary["accuracy"] = float(rewards.mean())
        summary["all_solved_fraction"] = float((smallest == 1.0).mean())
        summary["none_solved_fraction"] = float((largest == 0.0).mean())
        summary["difficulty_histogram"] = _by_bin(rbar_P, np.ones_like(rbar_P))
    return summary


def summarise_weights(
    rewards_PG: ArrayLike, weights_PG: ArrayLike, *, groups: ArrayLike | None = None
) -> Summary:
    """Return the advantage fields of a step record.

    Moments are of the population. The tail measures are of ``|A|``: excess kurtosis
    ``E[(A - mean)^4] / var^2 - 3``, Gini index, share of the largest 1 %, and by prompt the
    effective number ``(sum m)^2 / (P sum m^2)`` of the masses ``m``.

    Source: FADE, arXiv:2607.01490, sections 2 to 6; Kish 1965 for the effective number.

    Args:
        rewards_PG: ``[P, G]`` floats; or ``[N]`` with ``groups``.
        weights_PG: The advantages of the same rollouts, in the same shape.
        groups: ``[N]`` integer labels of ragged groups.

    Returns:
        Values by the names of ``records.FIELDS``; ``nan`` where a quantity is undefined, such
        as the kurtosis of equal weights. By difficulty only where rewards are in [0, 1].

    Raises:
        ShapeError: The arrays do not have these shapes, are empty, or differ in shape.
    """
    rewards, group = _grouped("rewards", rewards_PG, groups)
    weights, _ = _grouped("advantages", weights_PG, groups)
    mass = batch_mass(rewards, weights)
    size_PG = np.abs(weights)
    mass_P = group.each(group.mean(size_PG) * (group.size / weights.size))
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
        "prompt_ess": effective_fraction(mass_P),
    }
    if bool(((rewards >= 0.0) & (rewards <= 1.0)).all()):
        rbar_P = group.each(group.mean(rewards))
        summary["mass_by_difficulty"] = _by_bin(rbar_P, mass_P, mean=False)
    return summary


def tails(weights: ArrayLike) -> Tails:
    """Return how unevenly weights are spread.

    A batch's tails say little by themselves, because the method fixes most of them: compare
    with ``tails_by_construction`` and look at the departure.

    Source: standard definitions; Kish 1965, "Survey Sampling", for the effective number.

    Args:
        weights: Floats of any shape, at least one.

    Returns:
        The measures; ``nan`` where one is undefined, such as the Gini index of zeros.

    Raises:
        ShapeError: There is no weight.
    """
    weights_N = np.asarray(weights, dtype=np.float64).ravel()
    if weights_N.size == 0:
        raise ShapeError("weights must hold at least one value, got none")
    size_N = np.abs(weights_N)
    mean = float(size_N.mean())
    return Tails(
        zero_share=float((weights_N == 0.0).mean()),
        max_over_mean=float(size_N.max()) / mean if mean > 0.0 else float("nan"),
        excess_kurtosis=excess_kurtosis(weights_N),
        gini=gini(size_N),
        top1_share=top_share(size_N, 0.01),
        kish_fraction=effective_fraction(size_N),
    )


def tails_by_construction(method: str, group_size: int = 16, **params: float) -> Tails:
    """Return the tails that a method has by itself, for prompts of every solve rate alike.

    With p uniform every number of successes 0 .. G is equally likely, so the G + 1 compositions
    of a group are the whole distribution and the result is exact. A statistic of the batch that
    is not given is that of this distribution.

    Source: derived; docs/method.md lists the values at G = 16.

    Args:
        method: A key of ``advantages.METHODS``.
        group_size: G >= 2.
        **params: The method's own parameters.

    Returns:
        The measures.

    Raises:
        UnknownMethodError: No method has that id.
        SettingError: A parameter is unknown, missing or out of its range.
        ShapeError: ``group_size`` is below 2.

    >>> round(tails_by_construction("unique_best").excess_kurtosis)
    267
    """
    compositions = np.tril(np.ones((group_size + 1, max(group_size, 0))), -1)
    # A hundred times, so that the largest 1 % is a whole number of weights.
    return tails(np.repeat(advantages(compositions, method, **params), 100))


def hill_index(values: ArrayLike, k: int) -> Hill:
    """Estimate the tail exponent from the k largest sizes, where that says something.

        1 / mean_{i <= k} log(x_(i) / x_(k+1)),   x_(1) >= x_(2) >= ...

    Advantages of 0/1 rewards take a few values only, and ties at the top make the index an
    artefact of the group size: then there is none, and the reason says so. Use it on A * ratio,
    gradient norms or lengths.

    Source: Hill 1975, "A simple general approach to inference about the tail of a distribution".

    Args:
        values: Floats of any shape; their sizes count.
        k: Largest values to use, in [1, N - 1].

    Returns:
        The index, or ``nan`` with the reason.

    Raises:
        SettingError: ``k`` is outside [1, N - 1].

    >>> hill_index([[0.75, -0.25, -0.25, -0.25], [0.75, -0.25, -0.25, -0.25]], 3).reason
    '2 distinct values among the 4 largest: ties, not a tail'
    """
    size_N = np.sort(np.abs(np.asarray(values, dtype=np.float64)).ravel())[::-1]
    if not 1 <= k < size_N.size:
        raise SettingError(f"k must be in [1, {size_N.size - 1}] (the values less one), got {k}")
    top = size_N[: k + 1]
    if not np.isfinite(size_N).all():
        return Hill(float("nan"), "a value is not finite")
    if top[-1] == 0.0:
        return Hill(float("nan"), f"fewer than {k + 1} values are not 0")
    distinct = len(np.unique(top))
    if distinct <= (k + 1) / 2:
        reason = f"{distinct} distinct values among the {k + 1} largest: ties, not a tail"
        return Hill(float("nan"), reason)
    return Hill(1.0 / float(np.log(top[:-1] / top[-1]).mean()))


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


def _grouped(name: str, values_PG: ArrayLike, groups: ArrayLike | None) -> tuple[Floats, Grouping]:
    values = np.asarray(values_PG, dtype=np.float64)
    if groups is None:
        if values.ndim != 2 or values.size == 0:
            raise ShapeError(f"{name} must be [P, G] and not empty, got {list(values.shape)}")
        return values, Rows(values)
    labels = np.asarray(groups)
    if values.ndim != 1 or values.size == 0 or labels.shape != values.shape:
        raise ShapeError(
            f"with groups=, {name} must be [N] and not empty and groups [N], got "
            f"{list(values.shape)} and {list(labels.shape)}"
        )
    return values, Labels(labels)
