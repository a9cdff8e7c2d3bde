"""The proof of a KL configuration as numbers and as text."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from fade_core.errors import SettingError
from fade_core.kl_configurations import CONFIGURATIONS
from fade_core.kl_table import TARGETS, judge, spelled
from fade_core.torch.kl import Batch
from fade_core.torch.kl_exact import (
    Loss,
    Measured,
    World,
    expected_gradient,
    loss_of,
    measure,
    mixed,
)
from fade_core.torch.kl_targets import named_gradients

UserPenalty = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
"""``f(logp, ref_logp, rollout_logp, mask)``, all ``[N, T]``, to ``[N]`` or ``[N, T]`` nats."""

REGIMES: tuple[tuple[str, float, float], ...] = (
    ("on-policy, near", 0.1, 0.0),
    ("on-policy, mid", 0.7, 0.0),
    ("on-policy, far", 2.0, 0.0),
    ("off-policy, mild", 0.7, 0.15),
    ("off-policy, strong", 0.7, 0.8),
)
"""Distances to the reference and staleness of the sampler that a proof goes through."""

SAME = 1e-10
"""Relative difference below which two exact gradients are the same."""


@dataclass(frozen=True, slots=True)
class Proof:
    """One configuration in one regime.

    Attributes:
        regime: Name of the regime.
        kl: KL(pi || ref) there, nats a sequence.
        measured: Its expected gradient beside that of sequence reverse KL.
        equals: The named gradient that it equals to rounding, or ``-``.
    """

    regime: str
    kl: float
    measured: Measured
    equals: str


def prove(loss: Loss) -> list[Proof]:
    """Measure a penalty by enumeration in every regime.

    Args:
        loss: Maps a batch of all sequences to ``[N]`` or ``[N, T]``.

    Returns:
        One proof a regime.

    Raises:
        ShapeError: The loss returns another shape.
    """
    proofs = []
    for regime, distance, staleness in REGIMES:
        world = World(distance, staleness)
        targets = named_gradients(world)
        gradient, noise = expected_gradient(world, loss)
        kl = (world.taken(world.policy_SV) - world.taken(world.reference_SV)).sum(dim=1)
        proofs.append(
            Proof(
                regime=regime,
                kl=float(world.probability(world.policy_SV) @ kl),
                measured=measure(gradient, noise, targets),
                equals=_equals(gradient, targets, world),
            )
        )
    return proofs


def user_loss(penalty: UserPenalty, placement: str = "loss") -> Loss:
    """Make a loss of a user's own penalty function.

    Args:
        penalty: See ``UserPenalty``; tensors in, masked or not.
        placement: ``loss`` differentiates it; ``reward`` detaches it and charges its sum to
            every token, as GRPO and RLOO do.

    Returns:
        A loss for ``prove``.

    Raises:
        SettingError: Another placement.
    """
    if placement not in ("loss", "reward"):
        raise SettingError(f"placement must be loss or reward, got {placement!r}")

    def loss(batch: Batch) -> Tensor:
        rollout = batch.logp_NT.detach() if batch.rollout_logp_NT is None else batch.rollout_logp_NT
        values = penalty(batch.logp_NT, batch.ref_logp_NT, rollout, batch.mask_NT)
        total = values.sum(dim=-1) if values.ndim == 2 else values
        if placement == "loss":
            return total
        return total.detach() * (batch.logp_NT * batch.mask_NT).sum(dim=-1)

    return loss


def proof_text(title: str, proofs: list[Proof]) -> str:
    """Return proofs as Markdown, one row a regime."""
    lines = [
        f"{title}",
        "",
        "| regime | KL | cosine | relative error | noise | cosine (token) | equals |",
        "|---|---|---|---|---|---|---|",
    ]
    for proof in proofs:
        got = proof.measured
        lines.append(
            f"| {proof.regime} | {proof.kl:.4f} | {got.cosine:.4f} | {got.relative_error:.4f} "
            f"| {got.noise:.2f} | {got.cosine_token:.4f} | {proof.equals} |"
        )
    return "\n".join(lines)


def configuration_table() -> str:
    """Return every configuration with its exact numbers as Markdown, for ``docs/kl.md``.

    On-policy at KL 0.335 a sequence; off-policy with mild staleness.
    """
    lines = [
        "| id | configuration | verdict | expected gradient | cosine | relative error | noise "
        "| off-policy gradient | off-policy error | reason |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    on_world, off_world = World(0.7, 0.0), World(0.7, 0.15)
    for name, known in CONFIGURATIONS.items():
        on, off = (
            measure(*expected_gradient(world, loss_of(name)), named_gradients(world))
            for world in (on_world, off_world)
        )
        lines.append(
            f"| `{name}` | {_escaped(known.label)} | {judge(known.on_policy).value} "
            f"| {_escaped(spelled(known.on_policy))} | {on.cosine:.4f} | {on.relative_error:.4f} "
            f"| {on.noise:.2f} | {_escaped(spelled(known.off_policy))} "
            f"| {off.relative_error:.3f} | {known.reason} |"
        )
    return "\n".join(lines)


def prove_configuration(name: str) -> list[Proof]:
    """Measure a configuration of ``fade_core.kl_configurations`` by its id.

    Raises:
        SettingError: There is no such configuration.
    """
    return prove(loss_of(name))


def _equals(gradient: Tensor, targets: dict[str, Tensor], world: World) -> str:
    scale = float(targets["RKL_seq"].norm())
    if float(gradient.norm()) < SAME * scale:
        return "0"
    for name in TARGETS:
        if float((gradient - targets[name]).norm()) < SAME * scale:
            return name
    for known in CONFIGURATIONS.values():
        mix = known.off_policy if world.staleness else known.on_policy
        if mix and float((gradient - mixed(mix, targets, world.length)).norm()) < SAME * scale:
            return spelled(mix)
    return "-"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
