"""Unbiased pass@k."""

from typing import overload

import numpy as np
from numpy.typing import NDArray

from fade_core.errors import SettingError


@overload
def pass_at_k(num_samples: int, num_correct: int, k: int) -> float: ...
@overload
def pass_at_k(
    num_samples: int, num_correct: NDArray[np.integer], k: int
) -> NDArray[np.float64]: ...
def pass_at_k(
    num_samples: int, num_correct: int | NDArray[np.integer], k: int
) -> float | NDArray[np.float64]:
    """Estimate without bias the chance that at least one of ``k`` samples is correct.

        pass@k = 1 - C(n - c, k) / C(n, k) = 1 - prod_{j = n-c+1..n} (1 - k / j)

    The product form neither overflows nor cancels. Plugging ``c / n`` into ``1 - (1 - p)^k``
    instead is biased low.

    Source: Chen et al. 2021, "Evaluating Large Language Models Trained on Code",
    arXiv:2107.03374.

    Args:
        num_samples: n >= 1, samples drawn of each prompt.
        num_correct: c in [0, n], an integer or ``[P]`` integers, one a prompt.
        k: in [1, n].

    Returns:
        A float, or ``[P]`` floats, in [0, 1].

    Raises:
        SettingError: ``k`` is not in [1, n], or a count is not in [0, n].

    >>> round(pass_at_k(10, 3, 5), 6)
    0.916667
    """
    if not 1 <= k <= num_samples:
        raise SettingError(f"k must be in [1, {num_samples}] (the samples drawn), got {k}")
    correct_P = np.atleast_1d(np.asarray(num_correct))
    if correct_P.size and (correct_P.min() < 0 or correct_P.max() > num_samples):
        raise SettingError(f"num_correct must be in [0, {num_samples}], got {num_correct}")
    j_N = np.arange(1, num_samples + 1, dtype=np.float64)
    factor_N = np.clip(1.0 - k / j_N, 0.0, None)
    used_PN = j_N[None, :] > (num_samples - correct_P)[:, None]
    result_P: NDArray[np.float64] = 1.0 - np.where(used_PN, factor_N[None, :], 1.0).prod(axis=1)
    return result_P if np.ndim(num_correct) else float(result_P[0])
