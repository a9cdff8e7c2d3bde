"""Distances, samplers, lengths, clamps, APA and training against exact enumeration."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from fade_core.advantages import grpo_std
from fade_core.kl import Clamp, dead_zone, estimate
from fade_core.kl_table import Penalty
from fade_core.torch.kl import Batch, penalty_loss
from fade_core.torch.kl_exact import World, expected_gradient, loss_of, measure
from fade_core.torch.kl_targets import named_gradients
from fade_core.torch.losses import apa
from tests.golden.kl_reference import close, reference, world
from tests.golden.test_kl import ON


@pytest.mark.parametrize("row", reference()["distance"], ids=lambda row: f"{row[0]}")
def test_the_bias_grows_with_the_distance(row: list[float]) -> None:
    made, targets = world(row[0], 0.0)
    p = made.probability(made.policy_SV)
    kl = p @ (made.taken(made.policy_SV) - made.taken(made.reference_SV)).sum(dim=1)

    def measured(name: str) -> Any:
        return measure(*expected_gradient(made, loss_of(name)), targets)

    got = [
        row[0],
        float(kl),
        measured("k3-in-loss").relative_error_token,
        measured("k3-in-reward").norm_ratio,
        measured("k3-in-reward").relative_error,
        measured("k2-in-loss").relative_error,
        measured("k1-in-loss").norm_ratio,
    ]
    assert got == close(row)


def samplers(made: World) -> dict[str, torch.Tensor]:
    # The reference keeps the two largest logits; a log-prob differs by a constant a row.
    logits = made.policy_SV
    second = logits.topk(2, dim=-1).values[:, -1:]
    return {
        "on-policy": logits,
        "stale (old)": World(0.7, 0.5).rollout_SV,
        "temperature 0.7": (logits / 0.7).log_softmax(-1),
        "temperature 1.5": (logits / 1.5).log_softmax(-1),
        "top-2 truncated": logits.masked_fill(logits < second, -1e9).log_softmax(-1),
    }


@pytest.mark.parametrize("sampler", reference()["values"])
def test_the_logged_values_have_the_reference_mean_and_spread(sampler: str) -> None:
    made, _ = world(0.7, 0.5)
    p = made.probability(samplers(made)[sampler]).numpy()
    d = (made.taken(made.policy_SV) - made.taken(made.reference_SV)).numpy()
    inverted = estimate(-d, "k3")  # the ratio upside down, as some trainers log it
    columns = [estimate(d, "k1"), estimate(d, "k2"), estimate(d, "k3"), inverted, np.expm1(-d)]
    for column, expected in zip(columns, reference()["values"][sampler], strict=True):
        mean = float(p @ column.sum(axis=1))
        spread = math.sqrt(float(p @ (column.sum(axis=1) - mean) ** 2))
        assert [mean, spread] == close(expected)


@pytest.mark.parametrize("label", reference()["lengths"])
def test_dividing_by_each_length_turns_the_direction(label: str) -> None:
    made = World(0.7, 0.0, ends=True)
    targets = named_gradients(made)
    name = {"K1": "k1-in-reward", "K2": "k2-in-loss", "K3": "k3-in-loss"}[label[:2]]
    lengths = made.mask_NT.sum(dim=1) if "1/|y|" in label else torch.ones(len(made.mask_NT))
    gradient, noise = expected_gradient(made, lambda batch: loss_of(name)(batch) / lengths)
    got = measure(gradient, noise, targets)
    token = targets["RKL_tok"]
    best = float((gradient * token).sum() / (gradient * gradient).sum())
    residual = float((best * gradient - token).norm() / token.norm())
    assert [got.cosine, got.cosine_token, residual] == close(reference()["lengths"][label])


def test_a_clamp_at_ten_nats_has_the_reference_dead_zone() -> None:
    expected = reference()["clamps"]
    assert dead_zone("k3", Clamp(estimate=10.0)) == close((expected["k3_neg"], expected["k3_pos"]))
    assert dead_zone("k2", Clamp(estimate=10.0)) == close((-expected["k2"], expected["k2"]))
    assert dead_zone("k1", Clamp(estimate=10.0)) == close((-10.0, 10.0))


@pytest.mark.parametrize("case", reference()["group_norm"])
def test_dividing_by_the_group_deviation_hides_beta(case: str) -> None:
    beta, eps = (float(part.split("=")[1]) for part in case.split(","))
    rewards = [[1.0 - beta * kl for kl in range(8)]]  # equal task rewards, KL 0 to 7 nats
    largest = float(np.abs(grpo_std(rewards, ddof=1, eps=eps)).max())
    assert largest == close(reference()["group_norm"][case])


def test_rho_k3_and_detached_rho_k2_have_the_same_gradient_sample_by_sample() -> None:
    made, _ = world(0.7, 0.8)
    gradients: list[torch.Tensor] = []
    for penalty in (
        Penalty("k3", "loss", weight="token"),
        Penalty("k2", "loss", weight="token", detached=True),
    ):
        logp = made.taken(made.policy_SV).clone().requires_grad_(True)
        batch = Batch(
            logp, made.taken(made.reference_SV), made.mask_NT, made.taken(made.rollout_SV)
        )
        gradients.extend(torch.autograd.grad(penalty_loss(penalty, batch).sum(), logp))
    assert float((gradients[0] - gradients[1]).abs().max()) < 1e-12


def task_reward(made: World) -> torch.Tensor:
    y = made.tokens_NT
    return ((y[:, 0] + 2 * y[:, 1] + 3 * y[:, 2]) % 4 == 1).double()


def token_advantages(made: World) -> torch.Tensor:
    """Return Q(s, a) - V(s) of the task reward under the policy, exactly."""
    p, reward = made.probability(made.policy_SV), task_reward(made)
    columns = []
    for t in range(made.length + 1):
        prefix = (made.tokens_NT[:, None, :t] == made.tokens_NT[None, :, :t]).all(dim=-1).double()
        columns.append((prefix @ (p * reward)) / (prefix @ p))
    return torch.stack([columns[t + 1] - columns[t] for t in range(made.length)], dim=1)


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_apa_is_the_policy_gradient_plus_lambda_k2(temperature: float) -> None:
    made, _ = world(0.7, 0.0)
    advantages = token_advantages(made)

    def apa_loss(batch: Batch) -> torch.Tensor:
        # One sequence at a time, times its length: the sum over its tokens.
        rows = zip(batch.logp_NT, batch.ref_logp_NT, advantages, batch.mask_NT, strict=True)
        parts = [apa(*(x[None] for x in row), temperature=temperature) for row in rows]
        return made.length * torch.stack(parts)

    got, _ = expected_gradient(made, apa_loss)
    policy, _ = expected_gradient(made, lambda batch: -(advantages * batch.logp_NT).sum(dim=1))
    k2, _ = expected_gradient(made, loss_of("k2-in-loss"))
    predicted = (2 / temperature) * (policy + temperature * k2)
    error = float((got - predicted).norm() / got.norm())
    assert error < 1e-12
    assert error == close(reference()["apa"][f"lambda={temperature}"])


def test_apa_on_one_state_has_the_reference_fixed_points() -> None:
    temperatures = np.array([5.0, 2.0, 1.0, 0.5])
    raw = np.array([0.9, 0.2, -0.4, -1.1])
    start = np.exp(raw) / np.exp(raw).sum()
    a = np.array([1.0, -0.5, 0.4, -1.6])
    a = a - start @ a
    a = a / math.sqrt(start @ (a * a))
    tilt = a[None] / temperatures[:, None]
    partition = (start * np.exp(tilt)).sum(axis=1)
    star = start * np.exp(tilt) / partition[:, None]

    def divergence(p: Any, q: Any) -> Any:
        return (p * np.log(p / q)).sum(axis=-1)

    # Both samplers and all temperatures at once: [2, 4, 4].
    logits = np.broadcast_to(np.log(start), (2, 4, 4)).copy()
    for _ in range(20000):
        p = np.exp(logits - logits.max(axis=-1, keepdims=True))
        p /= p.sum(axis=-1, keepdims=True)
        weight = np.stack([np.broadcast_to(start, p[0].shape), p[1]])
        step = 2 * weight * (np.log(p) - tilt - np.log(start))
        logits -= 0.2 * (step - p * step.sum(axis=-1, keepdims=True))
    for i, temperature in enumerate(temperatures):
        got = [
            temperature,
            math.log(partition[i]),
            float(start @ tilt[i] ** 2),
            float(start @ (np.log(star[i] / start) - tilt[i]) ** 2),
            float(divergence(p[0, i], star[i])),
            float(divergence(p[1, i], star[i])),
            float(divergence(star[i], start)),
        ]
        assert got == close(reference()["apa"][f"bandit lambda={temperature}"])


@pytest.mark.slow
@pytest.mark.parametrize("label", reference()["train"])
def test_exact_training_ends_where_the_reference_ends(label: str) -> None:
    beta, made = 0.5, World(0.7, 0.0)
    loss, reward = loss_of(ON[label]), task_reward(made)
    ref_NT = made.taken(made.reference_SV)
    reference_p = ref_NT.sum(dim=1).exp()
    star = reference_p * torch.exp(reward / beta)
    star = star / star.sum()
    logits = wave_logits(made)
    for _ in range(4000):
        z = logits.clone().requires_grad_(True)
        logp = made.taken(z.log_softmax(dim=-1))
        p = logp.sum(dim=1).exp().detach()
        penalty = loss(Batch(logp, ref_NT, made.mask_NT))
        objective = (p * (reward * logp.sum(dim=1) - beta * penalty)).sum()
        (gradient,) = torch.autograd.grad(objective, z)
        if not bool(torch.isfinite(gradient).all()):
            break  # K3 in reward runs away until exp overflows; the reference stops there too
        logits = logits + gradient
    logp = made.taken(logits.log_softmax(dim=-1))
    p = logp.sum(dim=1).exp()
    got = [
        float(p @ reward),
        float(p @ (logp - ref_NT).sum(dim=1)),
        float(reference_p @ (ref_NT - logp).sum(dim=1)),
        float(p @ (logp.sum(dim=1) - star.log())),
        float(logp.sum(dim=1).min()),
    ]
    # The sign of a log-ratio near zero turns on the last bit of the processor's rounding, so the
    # penalty by absolute value ends near the reference's end but hops about it (logits moved by
    # 1e-15 end 0.06 away).
    hops = label == "abs-in-loss"
    expected = reference()["train"][label]
    assert got == (pytest.approx(expected, abs=0.1) if hops else close(expected))


def wave_logits(made: World) -> torch.Tensor:
    i = torch.arange(made.states, dtype=torch.float64)[:, None]
    j = torch.arange(made.vocabulary, dtype=torch.float64)[None, :]
    return 1.2 * torch.sin(1.7 * i + 2.3 * j + 0.4)
