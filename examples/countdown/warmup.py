"""The supervised phase: imitate generated answers until the policy is worth improving."""

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from evaluate import Evaluator
from fade_core.errors import FadeError
from model import Policy
from progress import OnStep, silent
from task import ProblemSource


class TrainingError(FadeError, RuntimeError):
    """A phase of the example did not do what the next one needs."""


@dataclass(frozen=True, slots=True)
class WarmUpSettings:
    """The supervised phase."""

    batch_size: int = 64
    learning_rate: float = 3e-3
    """At the start; falls linearly, to a tenth at ``decay_updates``."""
    decay_updates: int = 3000
    max_updates: int = 4800
    check_every: int = 50
    """Updates between two looks at the held-out solve rate."""
    band: tuple[float, float] = (0.38, 0.45)
    """Held-out pass@1 at which to stop. The policy to train has 0.35 to 0.45; the lower bound
    here leaves room for the check's sampling error."""


def warm_up(seed: int, settings: WarmUpSettings | None = None, on_step: OnStep = silent) -> Policy:
    """Imitate generated answers until the held-out solve rate is in the band.

    Raises:
        TrainingError: It never is.
    """
    settings = settings or WarmUpSettings()
    torch.manual_seed(seed)
    policy, source = Policy(), ProblemSource("train", seed)
    evaluator = Evaluator(num_problems=128, num_samples=1)
    optimizer = torch.optim.Adam(policy.parameters(), betas=(0.9, 0.98))
    low, high = settings.band
    solve_rate = 0.0
    for step in range(settings.max_updates):
        rate = settings.learning_rate * max(0.1, 1.0 - step / settings.decay_updates)
        optimizer.param_groups[0]["lr"] = rate * min(1.0, (step + 1) / 50)
        _imitate(policy, optimizer, source, settings.batch_size)
        if (step + 1) % settings.check_every == 0:
            solve_rate = evaluator.solve_rate(policy, num_samples=16)
            # The end is not known beforehand, so progress is the way to the band.
            done = min(100, round(100 * solve_rate / low))
            on_step("warm-up", done, 100, solve_rate, None)
            if solve_rate >= low:
                break
    if not low <= solve_rate <= high:
        raise TrainingError(
            f"the warm-up ended with a held-out solve rate of {solve_rate:.3f} after "
            f"{step + 1} updates, outside [{low}, {high}]; change its learning rate or length"
        )
    return policy


def _imitate(
    policy: Policy, optimizer: torch.optim.Optimizer, source: ProblemSource, batch_size: int
) -> None:
    prompts, answers = source.draw(batch_size)
    logits = policy.answer_logits(prompts, answers)
    loss = F.cross_entropy(logits.flatten(0, 1), answers.flatten())
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
    optimizer.step()
