"""Countdown: reach a target with three numbers and two operations.

A prompt is ``3 7 10 = 40``: three numbers in ascending order and a target. An answer such as
``7 - 3 * 10`` uses every number once and is evaluated strictly from left to right, so this one is
``(7 - 3) * 10 = 40``. Division counts only where it leaves no remainder; values in between may be
negative. Every number is one token, so a prompt is 4 tokens and an answer always 5.

Shapes: ``N`` problems or answers, ``Q`` = 4 tokens of a prompt, ``A`` = 5 tokens of an answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Ints = NDArray[np.int64]
Split = Literal["train", "held-out"]

LARGEST_NUMBER = 20
LARGEST_TARGET = 99
OPERATIONS = "+-*/"
FIRST_OPERATION = LARGEST_TARGET + 1
"""Token ``v`` is the number ``v`` up to the largest target; the operations follow."""
VOCABULARY_SIZE = FIRST_OPERATION + len(OPERATIONS)
PROMPT_LENGTH = 4
ANSWER_LENGTH = 5
HELD_OUT_SHARE = 8
"""One problem in this many is kept out of training."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Three numbers, ascending, and the target to reach with them."""

    numbers: tuple[int, int, int]
    target: int


def encode_prompts(problems: Sequence[Problem]) -> Tensor:
    """Return the prompt tokens of these problems, ``[N, Q]`` int64."""
    return torch.tensor([[*problem.numbers, problem.target] for problem in problems])


def encode_answer(text: str) -> list[int]:
    """Return the tokens of an answer such as ``"7 - 3 * 10"``."""
    return [
        FIRST_OPERATION + OPERATIONS.index(word) if word in OPERATIONS else int(word)
        for word in text.split()
    ]


def decode(tokens: Sequence[int]) -> str:
    """Return tokens as text; the inverse of ``encode_answer``."""
    return " ".join(
        OPERATIONS[token - FIRST_OPERATION] if token >= FIRST_OPERATION else str(token)
        for token in tokens
    )


def reward(problem: Problem, answer: Sequence[int]) -> float:
    """Return 1 when the answer uses every number once and meets the target, else 0."""
    if len(answer) != ANSWER_LENGTH:
        return 0.0
    return float(rewards(encode_prompts([problem]), torch.tensor([list(answer)]))[0])


def rewards(prompts_NQ: Tensor, answers_NA: Tensor) -> Tensor:
    """Verify many answers at once; see ``reward``.

    Args:
        prompts_NQ: ``[N, Q]`` prompt tokens.
        answers_NA: ``[N, A]`` answer tokens, any tokens at all.

    Returns:
        ``[N]`` float32, each 0 or 1.
    """
    prompts, answers = prompts_NQ.numpy(), answers_NA.numpy()
    numbers_N3, operations_N2 = answers[:, 0::2], answers[:, 1::2] - FIRST_OPERATION
    same_numbers_N = (np.sort(numbers_N3, axis=1) == np.sort(prompts[:, :3], axis=1)).all(axis=1)
    well_formed_N = same_numbers_N & (operations_N2 >= 0).all(axis=1)
    # A malformed answer is evaluated too, with harmless stand-ins, and then discarded.
    values_N, exact_N = evaluate(
        np.where(well_formed_N[:, None], numbers_N3, 1), np.clip(operations_N2, 0, None)
    )
    return torch.from_numpy(well_formed_N & exact_N & (values_N == prompts[:, 3])).float()


def evaluate(numbers_N3: Ints, operations_N2: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """Evaluate ``a op b op c`` from left to right.

    Args:
        numbers_N3: ``[N, 3]`` integers >= 1, in the order of the answer.
        operations_N2: ``[N, 2]`` indices into ``OPERATIONS``.

    Returns:
        The values ``[N]``, and ``[N]`` whether every division left no remainder.
    """
    values_N, exact_N = numbers_N3[:, 0], np.ones(len(numbers_N3), dtype=np.bool_)
    for place in (0, 1):
        operation_N, right_N = operations_N2[:, place], numbers_N3[:, place + 1]
        exact_N = exact_N & ((operation_N != OPERATIONS.index("/")) | (values_N % right_N == 0))
        values_N = np.choose(
            operation_N,
            [values_N + right_N, values_N - right_N, values_N * right_N, values_N // right_N],
        )
    return values_N, exact_N


def is_held_out(prompts_NQ: Tensor) -> Tensor:
    """Return ``[N]`` whether a problem belongs to the held-out split, a hash of the problem.

    The split is a property of the problem itself, so the two sets cannot overlap whatever the
    seeds are.
    """
    mixed_N = torch.zeros(len(prompts_NQ), dtype=torch.int64)
    for place in range(PROMPT_LENGTH):
        mixed_N = ((mixed_N ^ prompts_NQ[:, place]) * 0x9E3779B1) % 2**31
        mixed_N = mixed_N ^ (mixed_N >> 15)
    return mixed_N % HELD_OUT_SHARE == 0


class ProblemSource:
    """An endless stream of solvable problems of one split, each with the answer it came from.

    Expressions are drawn at random and kept when their value is a possible target, so every
    problem has an answer.
    """

    def __init__(self, split: Split, seed: int) -> None:
        self._held_out = split == "held-out"
        self._random = np.random.default_rng(seed)

    def draw(self, count: int) -> tuple[Tensor, Tensor]:
        """Return ``count`` prompts ``[N, Q]`` and an answer ``[N, A]`` of each."""
        prompts, answers = [], []
        found = 0
        while found < count:
            prompts_NQ, answers_NA = self._candidates(4 * count)
            prompts.append(prompts_NQ)
            answers.append(answers_NA)
            found += len(prompts_NQ)
        return torch.cat(prompts)[:count], torch.cat(answers)[:count]

    def draw_distinct(self, count: int) -> Tensor:
        """Return ``count`` different prompts ``[N, Q]``."""
        rows: dict[tuple[int, ...], None] = {}
        while len(rows) < count:
            rows.update(dict.fromkeys(tuple(row) for row in self.draw(count)[0].tolist()))
        return torch.tensor(list(rows)[:count])

    def _candidates(self, count: int) -> tuple[Tensor, Tensor]:
        numbers_N3 = self._random.integers(1, LARGEST_NUMBER + 1, (count, 3))
        operations_N2 = self._random.integers(0, len(OPERATIONS), (count, 2))
        values_N, exact_N = evaluate(numbers_N3, operations_N2)
        prompts_NQ = np.column_stack([np.sort(numbers_N3, axis=1), values_N])
        answers_NA = np.empty((count, ANSWER_LENGTH), dtype=np.int64)
        answers_NA[:, 0::2] = numbers_N3
        answers_NA[:, 1::2] = operations_N2 + FIRST_OPERATION
        possible_N = exact_N & (values_N >= 1) & (values_N <= LARGEST_TARGET)
        prompts = torch.from_numpy(prompts_NQ[possible_N])
        mine_N = is_held_out(prompts) == self._held_out
        return prompts[mine_N], torch.from_numpy(answers_NA[possible_N])[mine_N]
