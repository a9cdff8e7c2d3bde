"""The training reward rises while the held-out score falls."""

from fade_core.detectors.watch import OFF, Watch, advance, finding
from fade_core.findings import Finding, Text, View
from fade_core.signals import excess

ID = "reward_hacking_suspected"
NEEDS = (("reward_mean", "held_out"),)
START = OFF
TEXT = Text(
    "Reward hacking is suspected: the training reward holds while the held-out score falls.",
    "The policy learns the reward's mistakes; the true task is being lost.",
    (
        "Read the highest-rewarded rollouts of the last steps.",
        "Mix rewards, add a held-out judge, or raise the KL penalty: TRL beta, verl "
        "actor_rollout_ref.actor.kl_loss_coef, OpenRLHF --algo.kl.init_coef.",
        "Evaluate the checkpoint of the best held-out score.",
    ),
)


def step(state: Watch, view: View) -> tuple[Watch, Finding | None]:
    """Advance by one record that carries a held-out score.

        score = (best held-out - held-out now) / max(0.1 best, 3 sigma), and 0 unless the
                training reward is above its start and within two deviations of its best

    Silent without a held-out score: dynamics alone cannot tell hacking from convergence.

    Good at: the one thing it claims. Bad at: speed, it is as late as the evaluations;
    over-fitting looks the same.

    Source: Gao et al. 2022, "Scaling Laws for Reward Model Overoptimization", arXiv:2210.10760.

    >>> from fade_core.monitor import first_alert
    >>> records = [
    ...     {"step": t, "reward_mean": 0.01 * t, "held_out": 0.5 - 0.01 * max(0, t - 20)}
    ...     for t in range(50)
    ... ]
    >>> first_alert("reward_hacking_suspected", records)
    (29, 'warning')
    """
    held, reward = view.tracks.get("held_out"), view.tracks.get("reward_mean")
    if held is None or reward is None:
        return state, None
    best = max(held.past)
    lost = best - held.level
    if held.seen == view.index:
        score = excess(lost, held, max(0.1 * abs(best), 1e-6), 3.0)
        good = reward.level > reward.base and reward.mean >= reward.high - 2.0 * reward.sigma
        state = advance(state, view.step, score if good else 0.0, hold=2)
    if not state.on:
        return state, None
    evidence = {
        "held_out": held.level, "held_out_best": best,
        "reward": reward.level, "reward_at_start": reward.base,
    }  # fmt: skip
    return state, finding(ID, state, view, evidence, TEXT)
