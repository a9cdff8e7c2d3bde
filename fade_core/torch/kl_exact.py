"""Exact expected gradients of KL penalties on a small autoregressive policy.

Shapes: ``S`` prefixes, ``N`` sequences, ``T`` positions, ``V`` vocabulary. Every sequence is
enumerated, so a penalty's expected gradient is a finite sum and a configuration is either equal
to a named gradient to rounding or it is biased. The named gradients come from closed forms over
the tree of prefixes (``kl_targets``), the penalty's own from back-propagation: two routes.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from fade_core.errors import SettingError, ShapeError
from fade_core.kl_configurations import CONFIGURATIONS
from fade_core.kl_table import Mix
from fade_core.torch.kl import Batch, configuration_loss

Loss = Callable[[Batch], Tensor]


@dataclass(frozen=True, slots=True)
class World:
    """A policy, its reference and the policy that sampled, over all sequences of one length.

    The logits are sines of the prefix's index and the token, so numbers are reproducible to the
    last digit without a random generator.

    Attributes:
        distance: Size of the policy's move away from the reference, in logits.
        staleness: Size of the rollout policy's distance from the policy; 0 is on-policy.
        ends: Token 0 ends a sequence; what follows is masked.
        vocabulary: V >= 2.
        length: T >= 1.
    """

    distance: float = 0.7
    staleness: float = 0.0
    ends: bool = False
    vocabulary: int = 4
    length: int = 3
    states_NT: Tensor = field(init=False, repr=False)
    tokens_NT: Tensor = field(init=False, repr=False)
    mask_NT: Tensor = field(init=False, repr=False)
    policy_SV: Tensor = field(init=False, repr=False)
    reference_SV: Tensor = field(init=False, repr=False)
    rollout_SV: Tensor = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.vocabulary < 2 or self.length < 1 or self.vocabulary**self.length > MAX_SEQUENCES:
            raise SettingError(
                f"vocabulary must be >= 2, length >= 1 and their power at most {MAX_SEQUENCES} "
                f"sequences, got {self.vocabulary} and {self.length}"
            )
        tokens = torch.tensor(list(itertools.product(range(self.vocabulary), repeat=self.length)))
        reference = self._wave(1.2, 1.7, 2.3, 0.4)
        policy = reference + self._wave(self.distance, 2.9, 1.1, 1.3)
        rollout = policy + self._wave(self.staleness, 0.7, 3.7, 2.1)
        built = {
            "tokens_NT": tokens,
            "states_NT": _prefix_indices(tokens, self.vocabulary),
            "mask_NT": _until_end(tokens) if self.ends else torch.ones_like(tokens).double(),
            "reference_SV": reference.log_softmax(dim=-1),
            "policy_SV": policy.log_softmax(dim=-1),
            "rollout_SV": rollout.log_softmax(dim=-1),
        }
        for name, tensor in built.items():
            object.__setattr__(self, name, tensor)

    @property
    def states(self) -> int:
        """Number of prefixes, S."""
        return sum(self.vocabulary**n for n in range(self.length))

    def taken(self, table_SV: Tensor) -> Tensor:
        """Return the entries ``[N, T]`` of a table at the tokens of each sequence."""
        rows = table_SV[self.states_NT]
        return rows.gather(-1, self.tokens_NT[..., None])[..., 0]

    def probability(self, table_SV: Tensor) -> Tensor:
        """Return the probability ``[N]`` of each sequence under a table of log-probs."""
        return self.taken(table_SV).sum(dim=-1).exp()

    def _wave(self, amplitude: float, a: float, b: float, c: float) -> Tensor:
        i = torch.arange(self.states, dtype=torch.float64)[:, None]
        j = torch.arange(self.vocabulary, dtype=torch.float64)[None, :]
        return amplitude * torch.sin(a * i + b * j + c)


MAX_SEQUENCES = 65536
"""Above this an enumeration stops being quick."""


@dataclass(frozen=True, slots=True)
class Measured:
    """An expected gradient beside the one of sequence-level reverse KL.

    Attributes:
        cosine: With the gradient of RKL_seq; ``nan`` where the expected gradient is 0.
        relative_error: Norm of the difference over the norm of that gradient.
        norm_ratio: Norm over the norm of that gradient.
        cosine_token: With the gradient of RKL_tok.
        relative_error_token: Norm of that difference over the norm of the gradient of RKL_tok.
        noise: Standard deviation of a single sequence's gradient over the norm of RKL_seq's.
    """

    cosine: float
    relative_error: float
    norm_ratio: float
    cosine_token: float
    relative_error_token: float
    noise: float


def expected_gradient(
    world: World, loss: Loss, weights_N: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return the mean gradient of a loss over all sequences, and the noise of a single one.

        g[s, v] = sum_n w[n] * (G[n, s, v] - pi(v | s) * sum_u G[n, s, u])

    with G the gradient of the sequence's loss by the log-probs, on the sequence's path.

    Source: the Jacobian of log-softmax.

    Args:
        world: The policies.
        loss: Maps a batch of all sequences to ``[N]`` losses.
        weights_N: Probability of each sequence; the rollout policy's by default.

    Returns:
        ``[S, V]`` gradient by the logits, and a scalar standard deviation.

    Raises:
        ShapeError: The loss is not ``[N]`` or ``[N, T]``.
    """
    weights = world.probability(world.rollout_SV) if weights_N is None else weights_N
    rows = world.policy_SV[world.states_NT].clone().requires_grad_(True)
    losses = _per_sequence(loss(_batch(world, rows)), len(weights))
    (by_row,) = torch.autograd.grad(losses.sum(), rows)
    own = by_row - rows.detach().exp() * by_row.sum(dim=-1, keepdim=True)
    mean = torch.zeros(world.states, world.vocabulary, dtype=torch.float64)
    mean.index_add_(
        0, world.states_NT.reshape(-1), (weights[:, None, None] * own).reshape(-1, mean.shape[1])
    )
    # A sequence never visits a prefix twice, so its gradient's norm is the sum over positions.
    second = (weights * own.square().sum(dim=(1, 2))).sum()
    return mean, (second - mean.square().sum()).clamp(min=0.0).sqrt()


def measure(gradient: Tensor, noise: Tensor, targets: dict[str, Tensor]) -> Measured:
    """Compare an expected gradient with the gradients of sequence and token reverse KL.

    Args:
        gradient: ``[S, V]``.
        noise: Scalar.
        targets: From ``kl_targets.named_gradients``.

    Returns:
        Cosines, relative errors and noise.
    """
    sequence, token = targets["RKL_seq"], targets["RKL_tok"]
    return Measured(
        cosine=_cosine(gradient, sequence),
        relative_error=float((gradient - sequence).norm() / sequence.norm()),
        norm_ratio=float(gradient.norm() / sequence.norm()),
        cosine_token=_cosine(gradient, token),
        relative_error_token=float((gradient - token).norm() / token.norm()),
        noise=float(noise / sequence.norm()),
    )


def mixed(mix: Mix, targets: dict[str, Tensor], length: int) -> Tensor:
    """Add up the named gradients of a mix.

    Args:
        mix: Parts; () gives zero.
        targets: From ``kl_targets.named_gradients``.
        length: T.

    Returns:
        ``[S, V]``.
    """
    total = torch.zeros_like(targets["RKL_seq"])
    for part in mix:
        total = total + part.amount(length) * targets[part.target]
    return total


def loss_of(name: str) -> Loss:
    """Return the loss of a configuration by its id.

    Raises:
        SettingError: There is no such configuration.
    """
    if name not in CONFIGURATIONS:
        raise SettingError(f"no configuration {name!r}; known: {', '.join(CONFIGURATIONS)}")
    configuration = CONFIGURATIONS[name]
    return lambda batch: configuration_loss(configuration, batch)


def _batch(world: World, rows: Tensor) -> Batch:
    return Batch(
        logp_NT=rows.gather(-1, world.tokens_NT[..., None])[..., 0],
        ref_logp_NT=world.taken(world.reference_SV),
        mask_NT=world.mask_NT,
        rollout_logp_NT=world.taken(world.rollout_SV),
        log_probs_NTV=rows,
        ref_log_probs_NTV=world.reference_SV[world.states_NT],
    )


def _per_sequence(losses: Tensor, sequences: int) -> Tensor:
    if losses.ndim == 2 and len(losses) == sequences:
        return losses.sum(dim=-1)
    if losses.ndim == 1 and len(losses) == sequences:
        return losses
    raise ShapeError(
        f"a penalty must return [N] or [N, T] with N = {sequences}, got {list(losses.shape)}; "
        "do not average over the batch"
    )


def _prefix_indices(tokens_NT: Tensor, vocabulary: int) -> Tensor:
    # Breadth first: the empty prefix, then those of one token, and so on.
    columns = []
    start, inside = 0, torch.zeros(len(tokens_NT), dtype=torch.long)
    for t in range(tokens_NT.shape[1]):
        columns.append(start + inside)
        start += vocabulary**t
        inside = inside * vocabulary + tokens_NT[:, t]
    return torch.stack(columns, dim=1)


def _until_end(tokens_NT: Tensor) -> Tensor:
    ended = (tokens_NT == 0).long()
    return ((ended.cumsum(dim=1) - ended) == 0).double()


def _cosine(a: Tensor, b: Tensor) -> float:
    size = float(a.norm()), float(b.norm())
    if min(size) < 1e-13:
        return math.nan
    return float((a * b).sum()) / (size[0] * size[1])
