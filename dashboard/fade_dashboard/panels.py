"""The panels of a run's page, in causal order: what steers, what is steered, what comes of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fade_dashboard.api import Run
from fade_dashboard.figures import accuracy, advantage, entropy, gradient_mass, lines, schedule
from fade_dashboard.figures.chart import Chart, Row
from fade_dashboard.figures.select import Wanted
from fade_dashboard.labels import describe, field_of


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel.

    Attributes:
        key: Its name in ids and addresses.
        title: Its heading.
        subtitle: What it shows, in words.
        data: Its figure's decisions.
        fields: Fields of a step record that feed it, named where it has nothing to show.
    """

    key: str
    title: str
    subtitle: str
    data: Callable[[Sequence[Run]], Chart]
    fields: tuple[str, ...]

    def missing(self) -> str:
        """Return what to say where there is nothing to show."""
        return "No data yet: log " + " or ".join(self.fields)


PANELS: tuple[Panel, ...] = (
    Panel(
        "schedule",
        "Schedule",
        "alpha and delta, used and by FADE",
        schedule.data,
        ("accuracy", "entropy"),
    ),
    Panel("entropy", "Policy entropy", "nats a token, with its target", entropy.data, ("entropy",)),
    Panel(
        "accuracy",
        "Accuracy and pass@k",
        "training batch and evaluations",
        accuracy.data,
        ("accuracy", "pass_at_k"),
    ),
    Panel(
        "gradient_mass",
        "Gradient mass",
        "success against failure; ratio below",
        gradient_mass.data,
        ("rewards and advantages", "mass_success and mass_failure"),
    ),
    Panel(
        "advantage",
        "Advantage",
        "quantile fan of the weights",
        advantage.data,
        ("rewards and advantages", "adv_quantiles"),
    ),
    Panel(
        "reward",
        "Reward",
        "mean and standard deviation",
        lines.of(
            Wanted("reward_mean", "blue", width=2.0),
            Wanted("reward_std", "orange", "dash"),
            row=Row(),
        ),
        ("reward_mean", "reward_std"),
    ),
    Panel(
        "kl",
        "KL to reference",
        "k1 and k3, nats a token",
        lines.of(Wanted("kl_k3", "blue", width=2.0), Wanted("kl_k1", "orange", "dash"), row=Row()),
        ("kl_k1", "kl_k3"),
    ),
    Panel(
        "rank1",
        "Rank-1 share of the head",
        field_of("head_rank1_share").description,
        lines.of(Wanted("head_rank1_share", "purple", width=2.0), row=Row(zero=True)),
        ("head_rank1_share",),
    ),
    Panel(
        "ratio",
        "Importance ratios",
        "effective sample size, clipped fractions",
        lines.of(
            Wanted("ratio_ess", "green", width=2.0),
            Wanted("clip_fraction_high", "vermilion", "dash"),
            Wanted("clip_fraction_low", "orange", "dot"),
            row=Row(bounds=(0.0, 1.05)),
        ),
        ("ratio_ess", "clip_fraction_high", "clip_fraction_low"),
    ),
    Panel(
        "groups",
        "Groups without a signal",
        "share of groups whose rewards are all equal",
        lines.of(
            Wanted("zero_variance_fraction", "blue", width=2.0),
            Wanted("all_solved_fraction", "green", "dash"),
            Wanted("none_solved_fraction", "vermilion", "dot"),
            row=Row(bounds=(-0.02, 1.05), percent=True),
        ),
        ("rewards", "zero_variance_fraction", "all_solved_fraction", "none_solved_fraction"),
    ),
    Panel(
        "grad_norm",
        "Gradient norm",
        describe("grad_norm"),
        lines.of(Wanted("grad_norm", "blue", width=2.0), row=Row(zero=True)),
        ("grad_norm",),
    ),
    Panel(
        "lengths",
        "Response length",
        "tokens",
        lines.of(
            Wanted("response_length_mean", "blue", width=2.0),
            Wanted("response_length_p95", "sky", "dash"),
            row=Row(zero=True),
        ),
        ("response_length_mean", "response_length_p95"),
    ),
)
