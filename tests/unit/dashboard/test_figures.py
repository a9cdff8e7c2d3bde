import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import plotly.graph_objects as go
import pytest

from fade_core.records import FIELDS
from fade_dashboard import shell
from fade_dashboard.api import Run
from fade_dashboard.figures import (
    accuracy,
    advantage,
    compared,
    difficulty,
    entropy,
    gradient_mass,
    kl,
    passk,
    schedule,
)
from fade_dashboard.figures.chart import Chart, Curve, Heat, Level, Row
from fade_dashboard.figures.draw import figure
from fade_dashboard.graphs import graph_config
from fade_dashboard.labels import describe, field_of, label
from fade_dashboard.panels import PANELS, Panel
from fade_dashboard.theme import DARK, LIGHT, MAX_COMPARED, RUN_STYLES

QUANTILES = [f"adv_quantiles/{q}" for q in ("0.05", "0.25", "0.5", "0.75", "0.95")]
BINS = [f"{v}/{i}" for v in ("difficulty_histogram", "mass_by_difficulty") for i in range(10)]
EXTRAS = [f"extra/{n}" for n in ("apa_residual_rms", "apa_r_squared", "kl_k1_per_token_stderr")]
DERIVED = ["sign_ratio", "schedule/alpha", "schedule/delta", "pass_at_k/1", "pass_at_k/16"]
EVERYTHING = frozenset([*FIELDS, *QUANTILES, *BINS, *EXTRAS, *DERIVED])
LINES = [panel for panel in PANELS if panel.key != "difficulty"]


def run(run_id: str, *metrics: str, h_star: float | None = None) -> Run:
    return Run(run_id, f"name of {run_id}", frozenset(metrics), h_star=h_star)


def several(count: int) -> list[Run]:
    return [Run(f"r{i}", f"run {i}", EVERYTHING, h_star=0.5) for i in range(count)]


def test_entropy_alone_is_one_line_from_zero_with_its_target_named() -> None:
    assert entropy.data([run("a", "entropy", h_star=0.62)]) == Chart(
        curves=(Curve("a", "entropy", "entropy", "blue", width=2.0),),
        levels=(Level(0.62, "H* 0.62", "green", band=0.0),),
        rows=(Row(zero=True),),
    )


def test_below_the_target_is_the_band_in_which_delta_moves() -> None:
    one = replace(run("a", "entropy", h_star=0.62), delta_min=0.3, entropy_scale=0.5)
    decided = entropy.data([one])
    assert decided.levels[0].band == pytest.approx(0.62 - 0.7 * 0.5)
    band, line = (figure(decided, LIGHT) or {})["layout"]["shapes"]
    assert (band["type"], band["y0"], band["y1"]) == ("rect", 0.62, decided.levels[0].band)
    assert line["type"] == "line"


def test_entropy_without_a_known_target_has_no_target_line() -> None:
    assert entropy.data([run("a", "entropy")]).levels == ()


def test_a_target_of_zero_is_a_target() -> None:
    (level,) = entropy.data([run("a", "entropy", h_star=0.0)]).levels
    assert (level.value, level.label) == (0.0, "H* 0.00")


def test_compared_runs_have_a_target_line_in_the_colour_of_each_run() -> None:
    runs = [run("a", "entropy", h_star=0.6), run("b", "entropy", h_star=0.7)]
    assert [(line.value, line.hue) for line in entropy.data(runs).levels] == [
        (0.6, "blue"),
        (0.7, "orange"),
    ]


def test_pass_at_k_is_shown_in_the_order_of_k_with_a_marker_each() -> None:
    decided = accuracy.data([run("a", "accuracy", "pass_at_k/16", "pass_at_k/2", "pass_at_k/128")])
    assert [(c.label, c.symbol) for c in decided.curves] == [
        ("accuracy", None),
        ("pass@2", "circle"),
        ("pass@16", "diamond"),
        ("pass@128", "square"),
    ]


def test_failure_mass_points_downwards_and_the_ratio_has_its_own_row() -> None:
    metrics = ("mass_success", "mass_failure", "sign_ratio")
    decided = gradient_mass.data([run("a", *metrics)])
    assert [(c.metric, c.sign, c.row) for c in decided.curves] == [
        ("mass_success", 1, 1),
        ("mass_failure", -1, 1),
        ("sign_ratio", 1, 2),
    ]
    assert Level(1.0, "m_S / m_F = 1", "orange", "dot", row=2) in decided.levels


def test_a_row_without_a_curve_is_left_out_with_its_levels() -> None:
    decided = gradient_mass.data([run("a", "sign_ratio")])
    assert len(decided.rows) == 1
    assert [c.row for c in decided.curves] == [1]
    assert decided.levels == (Level(1.0, "m_S / m_F = 1", "orange", "dot", row=1),)


def test_the_schedule_shows_what_was_used_over_what_fade_computes() -> None:
    metrics = ("alpha", "delta", "schedule/alpha", "schedule/delta")
    decided = schedule.data([run("a", *metrics)])
    assert [(c.metric, c.row, c.dash, c.stairs) for c in decided.curves] == [
        ("schedule/alpha", 1, "dot", True),
        ("schedule/delta", 2, "dot", True),
        ("alpha", 1, "solid", True),
        ("delta", 2, "solid", True),
    ]
    assert [c.legend_label for c in decided.curves if c.legend] == ["by FADE", "used"]


def test_the_rows_of_the_schedule_hold_the_guard_rails_of_every_run() -> None:
    wide = Run("b", "b", frozenset({"alpha", "delta"}), alpha_max=5.0, delta_min=0.2)
    alpha, delta = schedule.data([run("a", "alpha", "delta"), wide]).rows
    assert alpha.bounds is not None
    assert alpha.bounds[0] < 1.0
    assert alpha.bounds[1] > 5.0
    assert delta.bounds is not None
    assert delta.bounds[0] < 0.2


def test_a_compared_run_shows_what_fade_computes_only_where_it_used_nothing() -> None:
    used = run("a", "alpha", "schedule/alpha")
    watched = run("b", "schedule/alpha")
    curves = schedule.data([used, watched]).curves
    assert [(c.run, c.metric) for c in curves] == [("a", "alpha"), ("b", "schedule/alpha")]


def test_the_fan_is_two_bands_and_the_median() -> None:
    decided = advantage.data([run("a", *QUANTILES)])
    shown = [(c.label, c.fill, c.fill_to) for c in decided.curves]
    assert shown == [
        ("5 %", 0.0, "zero"),
        ("95 %", 0.15, "previous"),
        ("25 %", 0.0, "zero"),
        ("75 %", 0.32, "previous"),
        ("50 %", 0.0, "zero"),
    ]


def test_a_band_with_one_edge_is_not_drawn() -> None:
    decided = advantage.data([run("a", "adv_quantiles/0.05", "adv_quantiles/0.5")])
    assert [c.metric for c in decided.curves] == ["adv_quantiles/0.5"]


def curves_of(panel: Panel, runs: list[Run]) -> tuple[Curve, ...]:
    decided = panel.data(runs)
    assert isinstance(decided, Chart)
    return decided.curves


@pytest.mark.parametrize("panel", LINES, ids=lambda panel: panel.key)
def test_compared_runs_differ_in_colour_and_in_dash(panel: Panel) -> None:
    curves = curves_of(panel, several(MAX_COMPARED + 1))
    styles = {c.run: (c.hue, c.dash) for c in curves}
    assert tuple(styles.values()) == RUN_STYLES[: MAX_COMPARED + 1]
    assert all((c.hue, c.dash) == styles[c.run] for c in curves)


def test_twenty_runs_have_twenty_styles() -> None:
    assert len(set(RUN_STYLES)) == len(RUN_STYLES) == 20


@pytest.mark.parametrize("panel", LINES, ids=lambda panel: panel.key)
def test_the_legend_names_each_compared_run_once(panel: Panel) -> None:
    named = [c.label for c in curves_of(panel, several(2)) if c.legend]
    assert named == ["run 0", "run 1"]


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.key)
def test_a_panel_without_data_has_no_figure_and_says_what_to_log(panel: Panel) -> None:
    assert figure(panel.data([run("a")]), LIGHT) is None
    assert panel.missing().startswith("No data yet: log ")


def figures() -> Iterator[tuple[str, Any]]:
    for panel in PANELS:
        for count in (1, 2, MAX_COMPARED + 1):
            for theme in (LIGHT, DARK):
                drawn = figure(panel.data(several(count)), theme)
                yield panel.key, go.Figure(drawn)  # plotly refuses what it does not know


def test_every_trace_is_empty_and_says_what_fills_it() -> None:
    for key, fig in figures():
        for trace in fig.data:
            assert trace.type in {"scatter", "heatmap", "bar"}, key
            assert not len(trace.x)
            for metric in trace.meta.get("metrics") or [trace.meta["metric"]]:
                assert field_of(metric) is not None
            if "metric" in trace.meta:
                assert set(trace.meta) >= {"run", "metric", "sign", "smooth"}
                assert not trace.connectgaps


def test_no_plot_of_a_figure_is_without_a_trace() -> None:
    for key, fig in figures():
        axes = {axis.plotly_name.replace("yaxis", "y") for axis in fig.select_yaxes()}
        assert axes == {trace.yaxis or "y" for trace in fig.data}, key


def test_markup_in_a_run_name_is_shown_as_text() -> None:
    evil = Run("e", "<b>x</b>&", frozenset({"entropy"}))
    drawn = figure(entropy.data([evil, run("a", "entropy")]), LIGHT)
    assert drawn is not None
    assert "&lt;b&gt;x&lt;/b&gt;&amp;" in [trace.get("name") for trace in drawn["data"]]


def test_every_label_comes_from_a_field() -> None:
    for panel in LINES:
        for curve in curves_of(panel, several(1)):
            assert describe(curve.metric)
            assert curve.label == label(curve.metric)


def test_no_graph_offers_to_send_its_figure_to_another_site() -> None:
    config = graph_config()
    assert "sendChartToCloud" in config["modeBarButtonsToRemove"]
    assert config["plotlyServerURL"] == ""
    assert config["showSendToCloud"] is False
    assert json.loads(shell.facts("/")["data-graph"]) == config


def test_the_error_of_k1_is_a_band_around_it_when_it_is_known() -> None:
    known = run("a", "kl_k1", "kl_k3", "extra/kl_k1_per_token_stderr")
    edges = [(c.plus, c.factor) for c in kl.data([known]).curves if c.plus]
    assert edges == [("extra/kl_k1_per_token_stderr", factor) for factor in (-1.96, 1.96)]
    assert [c.metric for c in kl.data([run("a", "kl_k1", "kl_k3")]).curves] == ["kl_k3", "kl_k1"]


def test_the_difficulty_is_that_of_the_first_run_with_its_own_weights() -> None:
    decided = difficulty.data([run("a", *BINS), run("b", *BINS)])
    assert isinstance(decided, Heat)
    assert (decided.run, len(decided.cells), len(decided.weight)) == ("a", 10, 10)
    assert difficulty.data([run("a", *BINS[:9])]).cells == ()


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.key)
def test_a_panel_knows_the_detectors_that_read_what_it_shows(panel: Panel) -> None:
    expected = {"entropy": "entropy_collapse", "kl": "kl_blowup", "rank1": "rank_collapse"}
    assert expected.get(panel.key, "") in (*panel.detectors, "")


def seeds(*groups: str | None) -> list[Run]:
    metrics = frozenset({"entropy"})
    return [Run(f"r{i}", f"run {i}", metrics, group=group) for i, group in enumerate(groups)]


def test_seeds_are_a_mean_with_both_ends_of_its_interval() -> None:
    decided = compared.data(seeds("g", "g", None), "entropy", grouped=True)
    assert [(c.statistic, c.among, c.fill > 0) for c in decided.curves] == [
        ("low", ("r0", "r1"), False),
        ("high", ("r0", "r1"), True),
        ("mean", ("r0", "r1"), False),
        (None, (), False),
    ]


def test_a_difference_is_to_the_baseline_and_leaves_it_out() -> None:
    decided = compared.data(seeds(None, None, None), "entropy", "difference", baseline="r1")
    assert [(c.run, c.minus) for c in decided.curves] == [("r0", "r1"), ("r2", "r1")]
    first = compared.data(seeds(None, None), "entropy", "difference", baseline="elsewhere")
    assert [(c.run, c.minus) for c in first.curves] == [("r1", "r0")]


def test_a_difference_to_a_run_without_the_metric_is_nothing() -> None:
    runs = [Run("a", "a", frozenset()), *seeds(None, None)]
    assert compared.data(runs, "entropy", "difference", baseline="a").curves == ()


def test_small_multiples_have_a_plot_a_run_with_the_others_behind() -> None:
    decided = compared.data(seeds(None, None, None), "entropy", "multiples")
    assert [row.heading for row in decided.rows] == ["run 0", "run 1", "run 2"]
    assert [(c.run, c.faint) for c in decided.curves if c.row == 2] == [
        ("r0", True),
        ("r2", True),
        ("r1", False),
    ]


@pytest.mark.parametrize("arrangement", ["overlay", "multiples", "difference"])
@pytest.mark.parametrize("count", [1, 2, 10, 20])
def test_plotly_takes_every_comparison(arrangement: compared.Arrangement, count: int) -> None:
    for grouped in (False, True):
        runs = seeds(*(f"g{i % 3}" for i in range(count)))
        drawn = figure(compared.data(runs, "entropy", arrangement, grouped=grouped), DARK)
        if drawn is None:
            assert (arrangement, count) == ("difference", 1)
            continue
        fig = go.Figure(drawn)
        axes = {axis.plotly_name.replace("yaxis", "y") for axis in fig.select_yaxes()}
        assert axes == {trace.yaxis or "y" for trace in fig.data}


def test_pass_at_k_needs_two_values_of_k_and_keeps_their_order() -> None:
    groups = compared.groups_of(
        [run("a", "pass_at_k/16", "pass_at_k/2"), run("b", "pass_at_k/4")], grouped=False
    )
    decided = passk.data(groups)
    assert [(curve.run, curve.ks) for curve in decided] == [("a", (2, 16))]
    assert go.Figure(passk.figure(decided, LIGHT)).data[0].meta["kind"] == "pass_at_k"
    assert passk.figure((), LIGHT) is None
