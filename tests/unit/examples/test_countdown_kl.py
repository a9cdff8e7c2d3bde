"""The Countdown example's losses and KL penalties: placed where they are said to be."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner

import fade_client
import train as countdown
from arms import parse_arm
from fade_core.errors import SettingError
from fade_core.kl_configurations import CONFIGURATIONS
from fade_core.torch import losses
from fade_core.torch.kl import Batch, penalty_loss
from fadewatch import cli, demo_plan
from model import ModelConfig, Policy, Samples, chosen_log_probs
from monitor import answer_log_probs
from objective import ArmObjective
from penalty import DEFAULT_BETA, KL, KL_NAMES, parse_kl
from ppo import PPOConfig, clipped_loss
from task import ProblemSource

CLIP = 0.2
TINY = countdown.Settings(
    steps=3, prompts=4, group_size=4, eval_every=2, eval_problems=4, eval_samples=64,
    ppo=PPOConfig(minibatches=2),
)  # fmt: skip


def policy_of(seed: int) -> Policy:
    torch.manual_seed(seed)
    return Policy(ModelConfig(hidden_size=16, num_layers=1, num_heads=2))


def drawn() -> tuple[Policy, Tensor, Samples, Tensor]:
    """Return a tiny policy, prompts, answers it drew, and what another policy thinks of them."""
    policy, start = policy_of(0), policy_of(1)
    prompts, _ = ProblemSource("train", 0).draw(6)
    samples = policy.sample(prompts, 4, torch.Generator().manual_seed(0))
    return policy, prompts, samples, answer_log_probs(start, prompts, samples.answers_PGA)


def gradient(policy: Policy, prompts: Tensor, samples: Samples, loss_of: Any) -> Tensor:
    """Return the gradient of a loss of the answers' log-probs, all parameters in a row."""
    answers = samples.answers_PGA.flatten(0, 1)
    repeated = prompts.repeat_interleave(samples.answers_PGA.shape[1], 0)
    logp = chosen_log_probs(policy.answer_logits(repeated, answers), answers)
    parts = torch.autograd.grad(loss_of(logp), list(policy.parameters()))
    return torch.cat([part.flatten() for part in parts])


@pytest.fixture(autouse=True)
def _rewards_that_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    """An untrained policy solves nothing, and without a right answer nothing would be learnt."""

    def parity(prompts: Tensor, samples: Samples) -> Tensor:
        return (samples.answers_PGA[..., 0] % 2).float()

    monkeypatch.setattr(countdown, "grade", parity)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def settings_with(kl: KL | None) -> countdown.Settings:
    return countdown.Settings(
        TINY.steps, TINY.prompts, TINY.group_size, TINY.eval_every, TINY.eval_problems,
        TINY.eval_samples, TINY.ppo, kl,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "loss", "temperature"),
    [("ppo", "ppo", 1.0), ("apa", "apa", 0.1), ("apa0.5", "apa", 0.5), ("awr", "awr", 1.0),
     ("awr2", "awr", 2.0), ("grpo", "clip", 1.0), ("power2", "clip", 1.0)],
)  # fmt: skip
def test_an_arms_name_says_its_loss(name: str, loss: str, temperature: float) -> None:
    arm = parse_arm(name)
    assert (arm.name, arm.loss, arm.temperature) == (name, loss, temperature)


def test_lambda_zero_is_refused_with_what_to_use() -> None:
    with pytest.raises(SettingError, match=r"lambda .*must be finite and > 0.*0\.1 to 1"):
        parse_arm("apa0")


@pytest.mark.parametrize("name", ["ppo", "apa", "awr"])
def test_an_arm_with_its_own_loss_whitens_the_group_centred_rewards(name: str) -> None:
    rewards = torch.tensor([[1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0], [1.0, 0.0, 1.0, 0.0]])
    weights = parse_arm(name).weigh(rewards, None)
    assert weights.mean().item() == pytest.approx(0.0, abs=1e-6)
    assert weights.square().mean().item() == pytest.approx(1.0, abs=1e-5)
    assert weights[1].tolist() == [0.0] * 4  # nothing to learn where all answers are right
    centred = parse_arm("grpo").weigh(rewards, None)
    torch.testing.assert_close(weights / weights[0, 0], centred / centred[0, 0])


LOSSES: dict[str, Callable[[Batch, Tensor, Tensor], Tensor]] = {
    "grpo": lambda b, a, old: clipped_loss((b.logp_NT - old).exp(), a, CLIP),
    "ppo": lambda b, a, old: losses.ppo_clip(b.logp_NT, old, a, b.mask_NT),
    "apa": lambda b, a, _: losses.apa(b.logp_NT, b.ref_logp_NT, a, b.mask_NT, temperature=0.1),
    "awr": lambda b, a, _: losses.awr(b.logp_NT, a, b.mask_NT, temperature=1.0),
}


@pytest.mark.parametrize("name", list(LOSSES))
def test_each_arm_minimises_the_loss_of_its_name(name: str) -> None:
    torch.manual_seed(0)
    logp, old, start = -torch.rand(3, 8, 5)
    batch, weights = Batch(logp, start, torch.ones(8, 5), old), torch.randn(8, 1)
    objective = ArmObjective(parse_arm(name), CLIP)
    loss = objective(batch, (logp - old).exp(), weights)
    torch.testing.assert_close(loss, LOSSES[name](batch, weights, old))


@pytest.mark.parametrize("name", ["k1-in-loss", "k3-in-loss", "rho-k3"])
def test_a_penalty_in_the_loss_has_the_gradient_of_the_core(name: str) -> None:
    policy, prompts, samples, start_BA = drawn()
    # An older policy drew the answers: the ratio of rho-k3 matters.
    old_BA = samples.log_probs_PGA.flatten(0, 1) - 0.1
    kl, mask = KL(name, 0.7), torch.ones_like(old_BA)

    def ours(logp: Tensor) -> Tensor:
        return kl.add_to(torch.zeros(()), Batch(logp, start_BA, mask, old_BA))

    def of_the_core(logp: Tensor) -> Tensor:
        penalty = CONFIGURATIONS[name].terms[0][1]
        total = penalty_loss(penalty, Batch(logp, start_BA, mask, old_BA)).sum()
        return 0.7 * total / logp.numel()

    got = gradient(policy, prompts, samples, ours)
    torch.testing.assert_close(got, gradient(policy, prompts, samples, of_the_core))
    assert float(got.norm()) > 0.0


def test_the_three_penalties_in_the_loss_differ() -> None:
    policy, prompts, samples, start_BA = drawn()
    old_BA = samples.log_probs_PGA.flatten(0, 1)

    def of(kl: KL) -> Tensor:
        def loss(logp: Tensor) -> Tensor:
            batch = Batch(logp, start_BA, torch.ones_like(old_BA), old_BA)
            return kl.add_to(torch.zeros(()), batch)

        return gradient(policy, prompts, samples, loss)

    found = [of(KL(name)) for name in ("k1-in-loss", "k3-in-loss", "rho-k3")]
    for i, one in enumerate(found):
        for other in found[i + 1 :]:
            assert float((one - other).norm()) > 0.1 * float(one.norm())


@pytest.mark.parametrize("name", ["k1-in-reward", "k3-in-reward"])
def test_a_penalty_in_the_reward_has_the_gradient_of_the_core(name: str) -> None:
    policy, prompts, samples, start_BA = drawn()
    old_BA = samples.log_probs_PGA.flatten(0, 1)
    groups = samples.log_probs_PGA.shape[:2]
    charged_PG = KL(name, 0.7).charge(torch.zeros(groups), old_BA, start_BA)
    stale = CONFIGURATIONS[f"{name}-stale-token"].terms[0][1]
    d_BA = old_BA - start_BA
    sums_B = (d_BA if name.startswith("k1") else torch.expm1(-d_BA) + d_BA).sum(dim=1)
    baseline_PG = sums_B.view(groups).mean(dim=1, keepdim=True).expand(groups)

    def ours(logp: Tensor) -> Tensor:
        return clipped_loss((logp - old_BA).exp(), charged_PG.flatten().unsqueeze(1), CLIP)

    def of_the_core(logp: Tensor) -> Tensor:
        batch = Batch(logp, start_BA, torch.ones_like(old_BA), old_BA)
        # The mean of the group is a baseline: it takes part in no expectation but its own.
        baseline = (baseline_PG.flatten().unsqueeze(1) * (logp - old_BA).exp()).sum()
        return 0.7 * (penalty_loss(stale, batch).sum() - baseline) / logp.numel()

    torch.testing.assert_close(
        gradient(policy, prompts, samples, ours), gradient(policy, prompts, samples, of_the_core)
    )


def test_a_penalty_in_the_reward_of_grpo_is_subtracted_before_the_groups_mean() -> None:
    _, _, samples, start_BA = drawn()
    old_BA, groups = samples.log_probs_PGA.flatten(0, 1), samples.log_probs_PGA.shape[:2]
    rewards = torch.randint(0, 2, groups, generator=torch.Generator().manual_seed(0)).float()
    grpo = parse_arm("grpo")
    penalised = rewards - 0.3 * (old_BA - start_BA).sum(dim=1).view(groups)
    charged = KL("k1-in-reward", 0.3).charge(grpo.weigh(rewards, None), old_BA, start_BA)
    torch.testing.assert_close(charged, penalised - penalised.mean(dim=1, keepdim=True))


@pytest.mark.parametrize("name", ["k1-in-loss", "k3-in-loss", "rho-k3"])
def test_a_penalty_in_the_loss_leaves_the_advantages_alone(name: str) -> None:
    _, _, samples, start_BA = drawn()
    weights = torch.randn(samples.log_probs_PGA.shape[:2])
    charged = KL(name).charge(weights, samples.log_probs_PGA.flatten(0, 1), start_BA)
    assert charged is weights


@pytest.mark.parametrize("arm", ["grpo", "power2", "apa"])
@pytest.mark.parametrize("name", KL_NAMES)
def test_beta_zero_trains_as_no_penalty_does_to_the_last_bit(arm: str, name: str) -> None:
    plain = countdown.train(policy_of(0), parse_arm(arm), 7, TINY)
    assert any(plain.losses)
    weightless = countdown.train(policy_of(0), parse_arm(arm), 7, settings_with(KL(name, 0.0)))
    assert plain.losses == weightless.losses
    assert plain.evals == weightless.evals


def test_without_a_penalty_an_update_minimises_the_clipped_objective_to_the_last_bit() -> None:
    torch.manual_seed(0)
    logp, old, start = -torch.rand(3, 8, 5)
    weights, ratio = torch.randn(8, 1), (logp - old).exp()
    objective = ArmObjective(parse_arm("grpo"), CLIP)
    loss = objective(Batch(logp, start, torch.ones(8, 5), old), ratio, weights)
    assert torch.equal(loss, clipped_loss(ratio, weights, CLIP))


@pytest.mark.parametrize("name", KL_NAMES)
def test_every_penalty_changes_the_training_and_its_name(name: str) -> None:
    plain = countdown.train(policy_of(0), parse_arm("grpo"), 7, TINY)
    result = countdown.train(policy_of(0), parse_arm("grpo"), 7, settings_with(KL(name, 1.0)))
    # At the very first update the policy is the start and every penalty is 0; later none is.
    assert result.losses != plain.losses
    assert (plain.arm, result.arm) == ("grpo", f"grpo+{name}")


@pytest.mark.parametrize(
    ("arm", "wanted"), [("grpo", ""), ("apa", "apa_residual_rms"), ("awr", "awr_ess")]
)
def test_the_hook_gets_the_monitors_of_the_kl_and_of_the_loss(
    arm: str, wanted: str, tmp_path: Path
) -> None:
    told: list[dict[str, Any]] = []
    run = fade_client.init(project="countdown", mode="local", dir=tmp_path)
    original = run.log_step
    run.log_step = lambda **fields: (told.append(fields), original(**fields))  # type: ignore
    countdown.train(policy_of(0), parse_arm(arm), 7, settings_with(KL("k1-in-reward")), run)
    run.finish()
    step = told[1]
    assert {"kl_k1", "kl_k3", "kl_k1_per_sequence", "kl_k1_per_token_stderr"} <= step.keys()
    assert step["kl_k1"] == pytest.approx(step["kl_k1_per_token"], abs=1e-6)
    assert step["kl_k3"] >= 0.0
    assert {"kl_drift_k1_per_token", "kl_drift_k3_per_token", "kl_drift_ess"} <= step.keys()
    # The batch's updates moved the policy away from the one that sampled it.
    assert step["kl_drift_k3_per_token"] > 0.0
    assert step["kl_drift_ess"] < 1.0
    numbers = [value for each in told for value in each.values() if isinstance(value, float)]
    assert not any(math.isnan(number) for number in numbers)
    assert not wanted or wanted in step
    assert ("apa_slope" in step) == (arm == "apa")
    assert ("apa_kl_slope" in told[2]) == (arm == "apa")


def test_the_kl_to_the_start_is_zero_before_the_first_update_and_not_after() -> None:
    evals = countdown.train(policy_of(0), parse_arm("grpo"), 7, TINY).evals
    first, last = (row["kl_k3_per_sequence"] for row in (evals[0], evals[-1]))
    assert first is not None
    assert last is not None
    assert first < 1e-9 < last
    assert np.isfinite(evals[-1]["kl_per_sequence_stderr"])  # type: ignore[arg-type]


def test_the_beta_is_the_documented_default_unless_given() -> None:
    assert parse_kl("rho-k3", None) == KL("rho-k3", DEFAULT_BETA)
    assert parse_kl("rho-k3", 0.3) == KL("rho-k3", 0.3)
    assert parse_kl(None, None) is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--kl", "k2"], "unknown KL penalty 'k2'; --kl takes one of k1-in-reward,"),
        (["--kl", "rho-k3", "--beta", "-1"], "--beta must be finite and >= 0, got -1.0"),
        (["--kl", "rho-k3", "--beta", "nan"], "--beta must be finite"),
        (["--beta", "0.1"], "--beta needs --kl; choose one of k1-in-reward,"),
        (["--arm", "awr0"], "lambda (temperature) must be finite and > 0"),
    ],
)
def test_a_wrong_command_line_fails_before_a_warm_up(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert countdown.main([*arguments, "--progress", "none"]) == 1
    assert message in capsys.readouterr().err


def test_the_demo_knows_the_examples_penalties() -> None:
    assert demo_plan.KL_NAMES == KL_NAMES


def test_the_demo_labels_its_arms_as_the_example_does(tmp_path: Path) -> None:
    def plan(kl: str | None) -> demo_plan.Plan:
        return demo_plan.Plan(("grpo",), (0,), None, 8765, tmp_path, False, kl)

    for kl in (None, "k3-in-reward"):
        example = settings_with(None if kl is None else KL(kl)).label(parse_arm("grpo"))
        assert plan(kl).label("grpo") == example


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--kl", "k2"], "unknown KL penalty"),
        (["--kl", "rho-k3", "--beta", "-1"], "must be finite and >= 0"),
        (["--beta", "0.1"], "needs --kl"),
    ],
)
def test_the_demo_refuses_a_penalty_that_cannot_work_at_once(
    arguments: list[str], message: str
) -> None:
    result = CliRunner().invoke(cli.app, ["demo", *arguments], terminal_width=200)
    assert result.exit_code == 2
    assert message in result.output
