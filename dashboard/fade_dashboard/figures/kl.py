"""KL divergence to the reference policy, with what is known of its error."""

from collections.abc import Sequence
from dataclasses import replace

from fade_dashboard.api import Run
from fade_dashboard.figures.chart import Chart, Curve
from fade_dashboard.figures.select import Wanted, assemble, curves

_ERROR = "extra/kl_k1_per_token_stderr"
_TWO_SIDED_95 = 1.96
_LINES = (Wanted("kl_k3", "blue", width=2.0), Wanted("kl_k1", "orange", "dash"))


def data(runs: Sequence[Run]) -> Chart:
    """Select what to draw: k3 and k1, alone with the 95 % band of k1 where its error is known."""
    band = _band(runs[0]) if len(runs) == 1 else ()
    return assemble((*band, *curves(runs, _LINES)))


def _band(run: Run) -> tuple[Curve, ...]:
    if not run.metrics.issuperset({"kl_k1", _ERROR}):
        return ()
    edge = Curve(run.id, "kl_k1", "k1", "orange", ghost=False, legend=False, width=0.0)
    lower = replace(edge, plus=_ERROR, factor=-_TWO_SIDED_95)
    upper = replace(edge, plus=_ERROR, factor=_TWO_SIDED_95, fill=0.18, fill_to="previous")
    return lower, replace(upper, legend=True, legend_label="k1, 95 %")
