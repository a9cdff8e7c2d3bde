"""Train a small transformer on Countdown with reinforcement learning, one arm at a time.

A run has two phases: ``warm_up`` imitates generated answers until the policy solves about four
problems in ten, and ``train`` improves it with PPO on groups of rollouts. The arms differ in one
line, the advantages; ``grpo`` is only observed by the hook, ``fade`` is steered by it. ``apa``,
``awr`` and ``ppo`` differ in the loss instead; ``--kl`` adds a KL penalty to the start to any arm.
"""

import argparse
import copy
import json
import math
import pickle
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

import fade_client
from arms import Arm, arm_names, parse_arm
from evaluate import Evaluator, grade
from fade_core.errors import FadeError
from model import Policy
from monitor import Describer, answer_log_probs, drift
from objective import ArmObjective
from penalty import DEFAULT_BETA, KL, KL_NAMES, parse_kl
from ppo import PPOConfig, update
from progress import OnStep, open_progress, silent
from task import ProblemSource
from warmup import TrainingError, warm_up


@dataclass(frozen=True, slots=True)
class Settings:
    """The reinforcement-learning phase."""

    steps: int = 120
    prompts: int = 32
    """Prompts a step."""
    group_size: int = 16
    """Rollouts of each prompt."""
    eval_every: int = 20
    """Steps between two evaluations; there is one after the last step too."""
    eval_problems: int = 256
    eval_samples: int = 64
    ppo: PPOConfig = field(default_factory=PPOConfig)
    kl: KL | None = None
    """Penalty for leaving the starting policy."""

    def label(self, arm: Arm) -> str:
        """Return the name of a training, such as ``grpo`` or ``grpo+k1-in-reward``."""
        return arm.name if self.kl is None else f"{arm.name}+{self.kl.name}"


@dataclass
class Result:
    """What a training did; ``to_json`` is the file that ``--out`` names."""

    arm: str
    seed: int
    parameters: int
    run_id: str | None = None
    losses: list[float] = field(default_factory=list)
    evals: list[dict[str, float | None]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        records = len(self.losses) + 1  # the last one holds only the final evaluation
        return {**asdict(self), "steps": len(self.losses), "records": records}


def train(
    policy: Policy,
    arm: Arm,
    seed: int,
    settings: Settings | None = None,
    run: fade_client.Run | None = None,
    on_step: OnStep = silent,
) -> Result:
    """Improve a warmed-up policy in place.

    Runs with the same seed and policy see the same prompts and random numbers whatever the arm
    is, and with an arm that the hook only observes the same losses with and without it.

    Args:
        policy: Changed in place.
        arm: Which advantages.
        seed: Of the prompts and the rollouts.
        settings: Sizes; the defaults when None.
        run: The hook, or None for none.
        on_step: Told about every step.

    Raises:
        SettingError: The arm is ``fade`` and there is no run.
    """
    arm.check_steered(run is not None)
    settings = settings or Settings()
    generator = torch.Generator().manual_seed(seed)
    # Away from the seeds of warm-ups, whose stream would otherwise be drawn again.
    source = ProblemSource("train", seed + 1_000_000)
    evaluator = Evaluator(settings.eval_problems, settings.eval_samples)
    optimizer = torch.optim.Adam(policy.parameters(), lr=settings.ppo.learning_rate)
    start = copy.deepcopy(policy)
    objective = ArmObjective(arm, settings.ppo.clip, settings.kl)
    result = Result(settings.label(arm), seed, sum(part.numel() for part in policy.parameters()))
    describer = Describer(arm, settings.ppo.learning_rate)
    for step in range(settings.steps):
        measured: dict[str, Any] = {}
        if step % settings.eval_every == 0:
            measured = _evaluate(evaluator, policy, start, step, result)
        prompts, _ = source.draw(settings.prompts)
        rollouts = policy.sample(prompts, settings.group_size, generator)
        start_BA = answer_log_probs(start, prompts, rollouts.answers_PGA)
        rewards = grade(prompts, rollouts)
        schedule = run.schedule if run is not None else None
        advantages = arm.weigh(rewards, schedule)  # for `fade`: schedule.advantages(rewards)
        advantages = objective.charge(advantages, rollouts, start_BA)
        measured |= describer.describe(rollouts, start_BA, advantages)
        stats = update(
            policy, optimizer, prompts, rollouts, start_BA, advantages, objective, settings.ppo,
            generator,
        )  # fmt: skip
        result.losses.append(stats.loss)
        if run is not None:
            run.log_step(
                step=step, rewards=rewards, advantages=advantages, **asdict(stats), **measured,
                **drift(policy, prompts, rollouts, start_BA),
            )  # fmt: skip
        on_step("train", step + 1, settings.steps, float(rewards.mean()), measured["entropy"])
    measured = _evaluate(evaluator, policy, start, settings.steps, result)
    if run is not None:
        run.log_step(step=settings.steps, **measured)
    return result


def _evaluate(
    evaluator: Evaluator, policy: Policy, start: Policy, step: int, result: Result
) -> dict[str, Any]:
    evaluation = evaluator.evaluate(policy, start)
    result.evals.append({"step": step, **evaluation.to_json()})
    measured: dict[str, Any] = {"pass_at_k": evaluation.pass_at_k}
    if not math.isnan(evaluation.head_rank1_share):  # there is no update before the first step
        measured["head_rank1_share"] = evaluation.head_rank1_share
    return measured


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description="Reinforcement learning on Countdown.")
    add = parser.add_argument
    add("--arm", default="grpo", help=f"one of {', '.join(arm_names())} (default: grpo)")
    add("--kl", metavar="NAME", help=f"KL penalty to the start: {', '.join(KL_NAMES)}")
    add("--beta", type=float, help=f"coefficient of the penalty (default: {DEFAULT_BETA})")
    add("--seed", type=int, default=0, help="of the warm-up, the prompts and the rollouts")
    add(
        "--steps", type=int, default=Settings().steps, help="rollout batches (default: %(default)s)"
    )
    add("--server", metavar="URL", help="service to report to; without it the record stays local")
    add("--no-hook", action="store_true", help="train without the hook (not with --arm fade)")
    add("--warm-start", type=Path, metavar="FILE", help="start from this checkpoint")
    add("--warm-up-only", type=Path, metavar="FILE", help="write the checkpoint and stop")
    add("--out", type=Path, metavar="FILE", help="write losses and evaluations as JSON")
    add("--progress", choices=("bar", "jsonl", "none"), default="bar", help="on the terminal")
    options = parser.parse_args(arguments)
    if options.steps < 1:
        parser.error(f"--steps must be at least 1, got {options.steps}")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    options = parse_arguments(arguments)
    torch.set_num_threads(1)  # the model is too small to gain from more
    try:
        with open_progress(options.progress) as on_step:
            _run(options, on_step)
    except (FadeError, OSError) as problem:
        sys.stderr.write(f"train.py: {problem}\n")
        return 1
    return 0


def _run(options: argparse.Namespace, on_step: OnStep) -> None:
    arm = parse_arm(options.arm)
    arm.check_steered(not options.no_hook)  # now, and not after a warm-up
    settings = Settings(steps=options.steps, kl=parse_kl(options.kl, options.beta))
    if options.warm_start:
        policy = _load(options.warm_start)
    else:
        policy = warm_up(options.seed, on_step=on_step)
    if options.warm_up_only:
        torch.save(policy.state_dict(), options.warm_up_only)
        return
    run = None if options.no_hook else _open_run(arm, options, settings)
    try:
        result = train(policy, arm, options.seed, settings, run, on_step)
    except BaseException:
        if run is not None:
            run.finish("failed")
        raise
    if run is not None:
        run.finish()
        result.run_id = run.id
    if options.out:
        options.out.write_text(json.dumps(result.to_json()))


def _load(checkpoint: Path) -> Policy:
    policy = Policy()
    try:
        policy.load_state_dict(torch.load(checkpoint, weights_only=True))
    except (RuntimeError, TypeError, EOFError, pickle.UnpicklingError) as problem:
        raise TrainingError(
            f"{checkpoint} is not a checkpoint of this model; make one with --warm-up-only"
        ) from problem
    return policy


def _open_run(arm: Arm, options: argparse.Namespace, settings: Settings) -> fade_client.Run:
    mode: fade_client.Mode = "local"
    if options.server:
        mode = "control" if arm.is_steered else "observe"
    return fade_client.init(
        project="countdown",
        name=f"{settings.label(arm)}-seed{options.seed}",
        config={"arm": settings.label(arm), "seed": options.seed, **asdict(settings)},
        mode=mode,
        server=options.server,
        tags=["countdown", settings.label(arm)],
    )


if __name__ == "__main__":
    sys.exit(main())
