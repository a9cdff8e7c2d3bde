"""The panels of a run's page, in causal order: what steers, what is steered, what comes of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fade_core.monitor import DETECTORS
from fade_dashboard.api import Run
from fade_dashboard.figures import (
    accuracy,
    advantage,
    difficulty,
    entropy,
    gradient_mass,
    kl,
    lines,
    schedule,
)
from fade_dashboard.figures.chart import Chart, Heat, Row
from fade_dashboard.figures.compared import title_of
from fade_dashboard.figures.select import Wanted
from fade_dashboard.labels import describe

_SHARE = Row(bounds=(-0.02, 1.05), percent=True)


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
    data: Callable[[Sequence[Run]], Chart | Heat]
    fields: tuple[str, ...]

    @property
    def detectors(self) -> tuple[str, ...]:
        """Detectors that read what the panel shows: their alerts are marked in it."""
        return tuple(d.id for d in DETECTORS if set(self.fields) & _parts(d.needs))

    def missing(self, run: Run | None = None) -> str:
        """Return what to say where there is nothing to show.

        Args:
            run: Its adapter may know what to switch on in the trainer.
        """
        cures = [] if run is None else [run.cures[d] for d in self.detectors if d in run.cures]
        if run is not None and cures:
            return f"{run.trainer or 'The trainer'} does not report this. {_sentence(cures[0])}"
        return "No data yet: log " + " or ".join(self.fields)


def _parts(needs: Sequence[str | tuple[str, ...]]) -> set[str]:
    return {part for need in needs for part in ((need,) if isinstance(need, str) else need)}


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _one(metric: str, title: str, row: Row, *, hue: str = "blue") -> Panel:
    """Return a panel that is one line, under the name of its metric."""
    wanted = Wanted(metric, hue, width=2.0)  # type: ignore[arg-type]
    return Panel(metric, title, describe(metric), lines.of(wanted, rows=(row,)), (metric,))


PANELS: tuple[Panel, ...] = (
    Panel(
        "schedule",
        "Schedule",
        "alpha and delta, used and by FADE",
        schedule.data,
        ("accuracy", "entropy"),
    ),
    Panel(
        "entropy",
        "Policy entropy",
        "nats a token; its target, and the band where delta acts",
        entropy.data,
        ("entropy",),
    ),
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
        ("rewards and advantages", "mass_success", "mass_failure"),
    ),
    Panel(
        "difficulty",
        "Difficulty",
        "share of prompts by solve rate; mean |A| on top",
        difficulty.data,
        ("rewards and advantages", "difficulty_histogram", "mass_by_difficulty"),
    ),
    Panel(
        "advantage",
        "Advantage",
        "quantile fan; click a step for its weights",
        advantage.data,
        ("rewards and advantages", "adv_quantiles"),
    ),
    Panel("kl", "KL to reference", "k1 and k3, nats a token", kl.data, ("kl_k1", "kl_k3")),
    Panel(
        "rank1",
        "Rank of the head's update",
        "energy in one direction; stable rank below",
        lines.of(
            Wanted("head_rank1_share", "purple", width=2.0),
            Wanted("head_stable_rank", "sky", row=2, width=2.0),
            rows=(Row(height=0.6, zero=True), Row(height=0.4, zero=True)),
        ),
        ("head_rank1_share", "head_stable_rank"),
    ),
    Panel(
        "ess",
        "Effective sample size",
        "share of tokens and of prompts that count",
        lines.of(
            Wanted("ratio_ess", "green", width=2.0),
            Wanted("prompt_ess", "orange", "dash"),
            rows=(_SHARE,),
        ),
        ("ratio_ess", "prompt_ess"),
    ),
    Panel(
        "clip",
        "Clipped ratios",
        "share of tokens at the trust region's edge",
        lines.of(
            Wanted("clip_fraction_high", "vermilion", width=2.0),
            Wanted("clip_fraction_low", "blue", "dash"),
            rows=(Row(zero=True, percent=True),),
        ),
        ("clip_fraction_high", "clip_fraction_low"),
    ),
    Panel(
        "mismatch",
        "Trainer against sampler",
        "log-probs of the same tokens; k3 below",
        lines.of(
            Wanted("train_infer_abs_logprob_diff", "vermilion", width=2.0),
            Wanted("train_infer_k3", "blue", row=2),
            rows=(Row(zero=True), Row(zero=True)),
        ),
        ("train_infer_abs_logprob_diff", "train_infer_k3"),
    ),
    _one("grad_norm", "Gradient norm", Row(zero=True)),
    Panel(
        "lengths",
        "Response length",
        "tokens; share cut at the limit below",
        lines.of(
            Wanted("response_length_mean", "blue", width=2.0),
            Wanted("response_length_p95", "sky", "dash"),
            Wanted("length_success", "green", "dot", ghost=False),
            Wanted("length_failure", "vermilion", "dashdot", ghost=False),
            Wanted("truncated_fraction", "purple", row=2),
            rows=(Row(height=0.68, zero=True), Row(height=0.32, zero=True, percent=True)),
        ),
        ("response_length_mean", "response_length_p95", "length_success", "truncated_fraction"),
    ),
    Panel(
        "groups",
        "Groups without a signal",
        "share of groups whose rewards are all equal",
        lines.of(
            Wanted("zero_variance_fraction", "blue", width=2.0),
            Wanted("all_solved_fraction", "green", "dash"),
            Wanted("none_solved_fraction", "vermilion", "dot"),
            rows=(_SHARE,),
        ),
        ("rewards", "zero_variance_fraction", "all_solved_fraction", "none_solved_fraction"),
    ),
    Panel(
        "reward",
        "Reward",
        "mean and standard deviation",
        lines.of(Wanted("reward_mean", "blue", width=2.0), Wanted("reward_std", "orange", "dash")),
        ("reward_mean", "reward_std"),
    ),
    Panel(
        "tails",
        "Tails of the advantage",
        "spread; share on the largest 1 % and Gini below",
        lines.of(
            Wanted("adv_std", "blue", width=2.0),
            Wanted("adv_top1_share", "vermilion", row=2, width=2.0),
            Wanted("adv_gini", "orange", "dash", row=2),
            rows=(Row(zero=True), Row(zero=True)),
        ),
        ("rewards and advantages", "adv_std", "adv_top1_share", "adv_gini"),
    ),
    Panel(
        "apa",
        "APA",
        "residual in nats; fit of the log-ratio to A below",
        lines.of(
            Wanted("extra/apa_residual_rms", "blue", width=2.0),
            Wanted("extra/apa_residual_mean", "orange", "dash"),
            Wanted("extra/apa_r_squared", "green", row=2, width=2.0),
            Wanted("extra/awr_ess", "purple", "dash", row=2),
            rows=(Row(), Row(zero=True)),
        ),
        ("apa_residual_rms", "apa_residual_mean", "apa_r_squared"),
    ),
    Panel(
        "optimizer",
        "Loss and learning rate",
        "as the trainer reports them",
        lines.of(
            Wanted("loss", "blue", width=2.0),
            Wanted("learning_rate", "orange", row=2, smooth=False),
            rows=(Row(height=0.62), Row(height=0.38, zero=True)),
        ),
        ("loss", "learning_rate"),
    ),
    _one("staleness", "Staleness", Row(zero=True)),
)

_SHOWN = {
    metric.partition("/")[0]
    for metric in (
        *(field for panel in PANELS for field in panel.fields),
        *("length_failure", "alpha", "delta", "sign_ratio", "schedule", "kl_k1_per_token_stderr"),
        *("adv_mean", "schedule_version"),
    )
}


def further(run: Run) -> tuple[str, ...]:
    """Return the metrics that a run has and no panel shows, by name.

    Args:
        run: Any run.
    """
    shown = {f"extra/{name}" for name in _SHOWN} | {"extra/awr_ess"}
    return tuple(
        sorted(m for m in run.metrics if m not in shown and m.partition("/")[0] not in _SHOWN)
    )


def _about(metric: str) -> str:
    return describe(metric).removesuffix(", fraction")


def panel_of(metric: str) -> Panel:
    """Return a panel for a metric that none of ``PANELS`` shows.

    Args:
        metric: Any name of a metric.
    """
    return Panel(
        metric, title_of(metric), _about(metric), lines.of(Wanted(metric, "blue")), (metric,)
    )
