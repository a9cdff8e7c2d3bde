"""Diversity of the answers to one prompt, and how often a group has none of its own accord."""

import math
from collections import Counter
from collections.abc import Hashable, Sequence

from fade_core.errors import SettingError, ShapeError


def distinct_share(answers: Sequence[Hashable]) -> float:
    """Return the number of different answers to a prompt over the number of answers.

    Coarser than ``answer_entropy``: one rare answer counts as much as a common one.

    Source: standard definition.

    Args:
        answers: Final answers of one prompt's rollouts, at least one; None is an answer like
            any other, for a rollout without one.

    Returns:
        In (0, 1]; 1/n when all agree.

    Raises:
        ShapeError: There is no answer.

    >>> distinct_share(["4", "4", "5", None])
    0.75
    """
    return len(set(_some(answers))) / len(answers)


def answer_entropy(answers: Sequence[Hashable]) -> float:
    """Return the entropy of the histogram of the answers to a prompt.

        H = -sum_a f_a log f_a,   f_a = share of the rollouts that answer a

    Of n answers at most log n, so it is biased low for a policy with more answers than samples.

    Source: Shannon 1948; standard definition.

    Args:
        answers: Final answers of one prompt's rollouts, at least one; None is an answer like
            any other, for a rollout without one.

    Returns:
        Nats, in [0, log n]; 0 when all agree.

    Raises:
        ShapeError: There is no answer.

    >>> answer_entropy(["4", "4", "4"])
    0.0
    """
    counts = Counter(_some(answers)).values()
    # 0.0 - x, not -x: agreement is 0, not -0.
    return 0.0 - sum(count / len(answers) * math.log(count / len(answers)) for count in counts)


def zero_variance_expected(solve_rate: float, group_size: int) -> float:
    """Return the chance that all rollouts of a group get the same 0/1 reward.

        p^G + q^G

    More zero-variance groups than this average over the batch means that rollouts of a prompt
    have stopped being independent draws.

    Source: standard; the binomial chance of 0 or G successes.

    Args:
        solve_rate: p in [0, 1].
        group_size: G >= 1.

    Returns:
        In [2^(1-G), 1].

    Raises:
        SettingError: An argument is out of its range.

    >>> zero_variance_expected(0.5, 4)
    0.125
    """
    _size(group_size)
    if not 0.0 <= solve_rate <= 1.0:
        raise SettingError(f"solve_rate must be in [0, 1], got {solve_rate}")
    return float(solve_rate**group_size + (1.0 - solve_rate) ** group_size)


def zero_variance_uniform(group_size: int) -> float:
    """Return the mean of ``zero_variance_expected`` over solve rates that are uniform on [0, 1].

        2 / (G + 1)

    Source: derived; each number of successes is then equally likely.

    Args:
        group_size: G >= 1.

    Returns:
        In (0, 1].

    Raises:
        SettingError: ``group_size`` is below 1.

    >>> zero_variance_uniform(7)
    0.25
    """
    _size(group_size)
    return 2.0 / (group_size + 1.0)


def _some(answers: Sequence[Hashable]) -> Sequence[Hashable]:
    if len(answers) == 0:
        raise ShapeError("answers must hold at least one answer, got none")
    return answers


def _size(group_size: int) -> None:
    if group_size < 1:
        raise SettingError(f"group_size must be >= 1, got {group_size}")
