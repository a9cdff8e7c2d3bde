"""The Countdown example: its rewards, its split, its sampler, and that the hook changes nothing."""

import copy
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import permutations, product
from pathlib import Path

import pytest
import torch

import fade_client
import train as countdown
from arms import parse_arm
from fade_core.errors import SettingError
from model import ModelConfig, Policy, chosen_log_probs
from ppo import PPOConfig, clipped_loss
from task import (
    OPERATIONS,
    Problem,
    ProblemSource,
    decode,
    encode_answer,
    encode_prompts,
    is_held_out,
    reward,
    rewards,
)
from warmup import TrainingError, WarmUpSettings, warm_up

TINY = countdown.Settings(
    steps=3, prompts=4, group_size=4, eval_every=2, eval_problems=4, eval_samples=64,
    ppo=PPOConfig(minibatches=2),
)  # fmt: skip


def tiny_policy(seed: int = 0) -> Policy:
    torch.manual_seed(seed)
    return Policy(ModelConfig(hidden_size=16, num_layers=2, num_heads=2))


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def local_run(tmp_path: Path) -> fade_client.Run:
    return fade_client.init(project="countdown", mode="local", dir=tmp_path)


@pytest.mark.parametrize(
    ("numbers", "target", "answer", "expected"),
    [
        ((3, 7, 10), 40, "7 - 3 * 10", 1.0),  # (7 - 3) * 10: left to right
        ((3, 7, 10), 40, "10 * 7 - 3", 0.0),  # 67
        ((2, 3, 4), 14, "2 + 3 * 4", 0.0),  # 20 from left to right, 14 only by precedence
        ((2, 3, 4), 20, "2 + 3 * 4", 1.0),
        ((2, 3, 4), 6, "4 / 2 * 3", 1.0),
        ((2, 3, 4), 6, "3 / 2 * 4", 0.0),  # 3 / 2 leaves a remainder
        ((3, 4, 12), 1, "3 - 4 + 12", 0.0),  # 11
        ((3, 4, 12), 11, "3 - 4 + 12", 1.0),  # by way of a negative number
        ((5, 5, 2), 12, "5 + 5 + 2", 1.0),
        ((5, 6, 2), 12, "5 + 5 + 2", 0.0),  # 5 twice, 6 not at all
        ((5, 5, 2), 9, "5 + 2 + 2", 0.0),
        ((2, 3, 4), 9, "2 3 4 + +", 0.0),  # numbers where operations belong
        ((2, 3, 4), 9, "+ + + + +", 0.0),
        ((2, 3, 4), 9, "2 + 3 + 99", 0.0),
        ((2, 3, 4), 5, "2 + 3", 0.0),
        ((2, 3, 4), 9, "0 / 0 / 0", 0.0),  # nothing divides by zero on the way
    ],
)
def test_the_reward_is_one_exactly_for_right_answers(
    numbers: tuple[int, int, int], target: int, answer: str, expected: float
) -> None:
    assert reward(Problem(numbers, target), encode_answer(answer)) == expected


def test_all_answers_to_a_problem_agree_with_plain_arithmetic() -> None:
    problem = Problem((2, 3, 12), 8)
    answers = [
        f"{a} {first} {b} {second} {c}"
        for a, b, c in permutations(problem.numbers)
        for first, second in product(OPERATIONS, repeat=2)
    ]
    # With "/" as exact division; a value with a remainder is never an integer target here.
    expected = [
        float(eval(f"({a} {f} {b}) {s} {c}") == 8 and (f != "/" or int(a) % int(b) == 0))
        for a, f, b, s, c in (answer.split() for answer in answers)
    ]
    tokens = torch.tensor([encode_answer(answer) for answer in answers])
    prompts = encode_prompts([problem]).expand(len(answers), -1)
    assert rewards(prompts, tokens).tolist() == expected
    assert sum(expected) > 0


def test_decode_inverts_encode() -> None:
    assert decode(encode_answer("7 - 3 * 10")) == "7 - 3 * 10"


def test_both_splits_are_solvable_and_disjoint() -> None:
    seen = {}
    for split in ("train", "held-out"):
        prompts, answers = ProblemSource(split, seed=0).draw(3000)
        assert rewards(prompts, answers).min() == 1.0
        assert bool((is_held_out(prompts) == (split == "held-out")).all())
        seen[split] = {tuple(row) for row in prompts.tolist()}
    assert not seen["train"] & seen["held-out"]
    assert len(seen["held-out"]) > 128


def test_held_out_problems_are_distinct() -> None:
    prompts = ProblemSource("held-out", seed=1).draw_distinct(128)
    assert len({tuple(row) for row in prompts.tolist()}) == 128


def test_sampling_with_a_cache_agrees_with_a_full_forward_pass() -> None:
    policy = tiny_policy()
    prompts, _ = ProblemSource("train", 0).draw(3)
    samples = policy.sample(prompts, 5, torch.Generator().manual_seed(0))
    repeated = prompts.repeat_interleave(5, 0)
    answers = samples.answers_PGA.flatten(0, 1)
    logits = policy.answer_logits(repeated, answers)
    torch.testing.assert_close(samples.logits_PGAV.flatten(0, 1), logits.detach())
    torch.testing.assert_close(
        samples.log_probs_PGA.flatten(0, 1), chosen_log_probs(logits, answers).detach()
    )
    tokens = torch.cat([repeated, answers[:, :-1]], dim=1)
    torch.testing.assert_close(policy(tokens)[:, 3:], logits)


def test_samples_of_a_prompt_depend_on_the_generator_alone() -> None:
    policy, (prompts, _) = tiny_policy(), ProblemSource("train", 0).draw(3)
    first = policy.sample(prompts, 8, torch.Generator().manual_seed(4))
    torch.manual_seed(99)
    again = policy.sample(prompts, 8, torch.Generator().manual_seed(4))
    assert torch.equal(first.answers_PGA, again.answers_PGA)


def test_the_clipped_loss_has_no_gradient_beyond_the_clip() -> None:
    ratio = torch.tensor([[1.5], [0.5], [1.5], [1.0]], requires_grad=True)
    advantages = torch.tensor([[1.0], [-1.0], [-1.0], [1.0]])
    loss = clipped_loss(ratio, advantages, 0.2)
    loss.backward()  # type: ignore[no-untyped-call]
    assert ratio.grad is not None
    assert loss.item() == pytest.approx(-(1.2 - 0.8 - 1.5 + 1.0) / 4)
    assert ratio.grad.flatten().tolist() == pytest.approx([0.0, 0.0, 0.25, -0.25])


def test_the_same_seed_gives_the_same_losses_with_and_without_the_hook(tmp_path: Path) -> None:
    plain, again, hooked = (tiny_policy() for _ in range(3))
    observed = fade_client.init(
        project="countdown", mode="observe", dir=tmp_path, server="http://127.0.0.1:9"
    )
    results = [
        countdown.train(policy, parse_arm("grpo"), 7, TINY, run)
        for policy, run in ((plain, None), (again, None), (hooked, observed))
    ]
    observed.finish(timeout_s=0.1)
    assert results[0].losses == results[1].losses == results[2].losses
    assert results[0].evals == results[1].evals == results[2].evals
    assert len(results[0].losses) == 3


def test_evaluations_do_not_disturb_the_training() -> None:
    often, seldom = tiny_policy(), tiny_policy()
    rare = countdown.Settings(
        steps=3, prompts=4, group_size=4, eval_every=99, eval_problems=4, eval_samples=64,
        ppo=TINY.ppo,
    )  # fmt: skip
    first = countdown.train(often, parse_arm("grpo"), 7, TINY)
    assert first.losses == countdown.train(seldom, parse_arm("grpo"), 7, rare).losses


def test_a_training_evaluates_at_the_start_at_fixed_steps_and_at_the_end() -> None:
    result = countdown.train(tiny_policy(), parse_arm("reinforce_signed"), 0, TINY).to_json()
    assert [row["step"] for row in result["evals"]] == [0, 2, 3]
    assert result["evals"][0]["head_rank1_share"] is None
    assert 0.0 < result["evals"][-1]["head_rank1_share"] <= 1.0
    assert (result["steps"], result["records"]) == (3, 4)
    json.dumps(result, allow_nan=False)


def test_the_fade_arm_trains_with_the_runs_schedule(local_run: fade_client.Run) -> None:
    result = countdown.train(tiny_policy(), parse_arm("fade"), 0, TINY, local_run)
    local_run.finish()
    # Three rollout batches; the record of the final evaluation is an observation too.
    assert local_run.schedule.version == 4
    assert local_run.schedule.alpha > 1.0
    assert len(result.losses) == 3


def test_the_fade_arm_is_refused_without_a_run() -> None:
    with pytest.raises(SettingError, match="needs the hook"):
        countdown.train(tiny_policy(), parse_arm("fade"), 0, TINY, run=None)


@pytest.mark.parametrize(
    ("name", "method", "params"),
    [
        ("grpo", "grpo", {}),
        ("fade", "fade", {}),
        ("reinforce", "reinforce", {}),
        ("grpo_std", "grpo_std", {}),
        ("power2", "power", {"alpha": 2.0}),
        ("asym0.5", "asym_grpo", {"delta": 0.5}),
    ],
)
def test_an_arms_name_says_its_method(name: str, method: str, params: dict[str, float]) -> None:
    arm = parse_arm(name)
    assert (arm.method, arm.params) == (method, params)


@pytest.mark.parametrize("name", ["dpo", "grpo2", "fade3", "ppo2", "", "2", "Power2"])
def test_an_unknown_arm_is_refused_with_the_list_of_arms(name: str) -> None:
    with pytest.raises(SettingError, match=r"there are .*asym_grpo, .*fade, .*grpo.*power<alpha>"):
        parse_arm(name)


@pytest.mark.parametrize("name", ["power0.5", "asym0"])
def test_an_arms_number_must_be_in_range(name: str) -> None:
    with pytest.raises(SettingError):
        parse_arm(name)


def test_a_warm_up_that_misses_the_band_says_so() -> None:
    settings = WarmUpSettings(max_updates=2, check_every=1)
    with pytest.raises(TrainingError, match=r"solve rate of 0\.0\d+ after 2 updates"):
        warm_up(0, settings)


def test_a_warm_up_stops_in_its_band() -> None:
    told: list[float] = []

    def note(phase: str, step: int, total: int, accuracy: float, entropy: float | None) -> None:
        told.append(accuracy)

    warm_up(0, WarmUpSettings(check_every=10, band=(0.001, 1.0)), note)
    assert told[-1] >= 0.001
    assert all(accuracy < 0.001 for accuracy in told[:-1])


def test_the_script_runs_and_writes_its_result(tmp_path: Path) -> None:
    checkpoint, out = tmp_path / "warm.pt", tmp_path / "result.json"
    torch.save(copy.deepcopy(Policy().state_dict()), checkpoint)
    script = Path(countdown.__file__)
    finished = subprocess.run(
        [
            sys.executable, script, "--warm-start", checkpoint, "--steps", "1", "--out", out,
            "--progress", "jsonl", "--arm", "fade",
        ],
        capture_output=True, text=True, check=False,
        env={**os.environ, "FADEWATCH_DIR": str(tmp_path / "spool")},
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout)["phase"] == "train"
    assert json.loads(out.read_text())["run_id"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--arm", "dpo"], "unknown arm 'dpo'; there are"),
        (["--arm", "fade", "--no-hook"], "needs the hook"),
        (["--warm-start", "/nowhere/warm.pt"], "No such file"),
        (["--warm-start", __file__], "not a checkpoint"),
    ],
)
def test_a_wrong_command_line_fails_with_a_reason(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert countdown.main([*arguments, "--progress", "none"]) == 1
    assert message in capsys.readouterr().err
