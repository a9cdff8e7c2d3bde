// Pure functions: a template of a figure and its numbers make the figure.
(function (root) {
  "use strict";
  const core = (root.fadewatchCore ||= {});
  const NOTHING = { step: new Float64Array(), value: new Float64Array() };
  const HEAT_COLUMNS = 60;
  const PROFILE_RECORDS = 10;

  // How a figure is filled: series by run and metric, smoothing, axes by run, steps in sight,
  // which axis, whether values are on a logarithmic scale, the step up to which evaluations count.
  const DEFAULTS = { series: {}, smoothing: 0, axes: {}, log: false, kind: "step", unit: [1, ""], at: null };

  const seriesOf = (options, run, metric) => options.series[run]?.[metric] || NOTHING;

  function curveOf(options, run, metric, smooth) {
    const axis = options.axes[run] ?? null;
    if (axis === false) return { x: NOTHING.step, y: NOTHING.value }; // the run has no such axis
    const { step, value } = seriesOf(options, run, metric);
    const y = smooth && options.smoothing > 0 ? core.ema(value, options.smoothing, step) : value;
    return { x: core.place(axis, step), y };
  }

  function points({ run, metric, smooth, plus, factor, minus, among, statistic }, options) {
    if (statistic) return core.aggregate(among.map((one) => curveOf(options, one, metric, smooth)), statistic);
    const curve = curveOf(options, run, metric, smooth);
    if (minus) return core.difference(curve, curveOf(options, minus, metric, smooth));
    if (!plus) return curve;
    const other = curveOf(options, run, plus, smooth);
    return { x: curve.x, y: Float64Array.from(curve.y, (v, i) => v + factor * core.interpolate(other.x, other.y, curve.x[i])) };
  }

  // A line through a single point is nothing: mark it.
  function visibly(values) {
    return values.filter(Number.isFinite).length < 2 ? { mode: "lines+markers", cliponaxis: false } : {};
  }

  // one gap instead of no point: plotly draws a broken axis for a plot without a trace
  const GAP = { x: [0], y: [NaN] };

  function line(trace, options) {
    const { sign, ghost } = trace.meta;
    const { x, y } = points(trace.meta, options);
    if (!x.length) return { ...trace, ...GAP };
    const filled = { ...trace, ...visibly(y), x, y: sign < 0 ? y.map((v) => -v) : y };
    if (sign < 0) filled.customdata = y;
    if (ghost) filled.visible = options.smoothing > 0;
    return filled;
  }

  // Bins over the steps as columns of a picture, each the mean of what falls into it.
  function heat(trace, options) {
    const { run, metrics } = trace.meta;
    const rows = metrics.map((metric) => seriesOf(options, run, metric));
    const steps = rows.flatMap(({ step }) => (step.length ? [step[0], step[step.length - 1]] : []));
    if (!steps.length) return { ...trace, x: [0], z: metrics.map(() => [null]) };
    const axis = options.axes[run] || null;
    const [first, last] = [Math.min(...steps), Math.max(...steps)];
    const most = Math.max(...rows.map(({ step }) => step.length));
    const columns = Math.max(1, Math.min(HEAT_COLUMNS, most));
    const width = (last - first) / columns || 1;
    const z = rows.map(({ step, value }) => {
      const sum = new Array(columns).fill(0), count = new Array(columns).fill(0);
      step.forEach((s, i) => {
        const column = Math.min(columns - 1, Math.floor((s - first) / width));
        if (Number.isFinite(value[i])) { sum[column] += value[i]; count[column] += 1; }
      });
      return sum.map((total, i) => (count[i] ? total / count[i] : null));
    });
    const edges = Array.from({ length: columns + 1 }, (_, i) => first + i * width);
    return { ...trace, x: [...core.place(axis, edges)], z };
  }

  const lastOf = (values, count) => values.slice(Math.max(0, values.length - count));

  // What a vector is on average at the start or at the end of the steps in sight.
  function profile(trace, options) {
    const { run, metrics, part, where } = trace.meta;
    const mean = (metric) => {
      const found = seriesOf(options, run, metric).value.filter(Number.isFinite);
      const some = part === "first" ? found.slice(0, PROFILE_RECORDS) : lastOf(found, PROFILE_RECORDS);
      return some.length ? some.reduce((sum, v) => sum + v, 0) / some.length : NaN;
    };
    return { ...trace, x: metrics.map((metric, i) => (where && !(mean(where[i]) > 0) ? NaN : mean(metric))) };
  }

  // pass@k by k, from the newest evaluation at or before a step.
  function passAtK(trace, options) {
    const { run, metrics } = trace.meta;
    const y = metrics.map((metric) => {
      const { step, value } = seriesOf(options, run, metric);
      let i = step.length - 1;
      while (i >= 0 && options.at !== null && step[i] > options.at) i--;
      return i < 0 ? NaN : value[i];
    });
    return { ...trace, y };
  }

  const KINDS = { heat, profile, pass_at_k: passAtK };

  // The axis of steps, in the unit that it has.
  function horizontal(axis, options, shown) {
    const made = { ...axis, range: shown, autorange: false };
    if (options.kind === "tokens") Object.assign(made, { tickformat: "~s", hoverformat: ".4s" });
    if (options.kind === "time") {
      const suffix = ` ${options.unit[1]}`;
      Object.assign(made, { tickformat: ",~r", hoverformat: ",.2f", ticksuffix: suffix, showticksuffix: "last" });
    }
    return made;
  }

  function vertical(axis) {
    const { range, rangemode, ...free } = axis;
    return { ...free, type: "log", autorange: true, nticks: 6, minor: {}, exponentformat: "power" };
  }

  // [smallest, largest] finite value of the traces on these axes.
  function reach(data, axes) {
    let low = Infinity, high = -Infinity;
    for (const { yaxis = "y", y, type } of data) {
      if (!axes.includes(yaxis) || type !== "scatter") continue;
      for (const v of y) if (Number.isFinite(v)) { if (v < low) low = v; if (v > high) high = v; }
    }
    return [low, high];
  }

  // Where plotly would choose badly: the rounding of a constant is not a range, and plots that are
  // compared have the same one.
  function scales(layout, data, log) {
    const axes = Object.keys(layout).filter((key) => /^yaxis\d*$/.test(key));
    const names = axes.map((key) => key.replace("axis", ""));
    for (const key of axes) {
      if (layout[key].range) continue;
      const [low, high] = reach(data, layout.meta?.sameScale ? names : [key.replace("axis", "")]);
      const flat = high - low <= Math.max(1e-14, 1e-9 * Math.max(Math.abs(low), Math.abs(high)));
      if (!(low <= high) || !(flat || layout.meta?.sameScale)) continue;
      const air = flat ? (Math.abs(low) > 1e-14 ? 0.5 * Math.abs(low) : 1) : 0.06 * (high - low);
      const ends = [low - air, high + air];
      layout[key] = { ...layout[key], autorange: false, range: log ? [low, high + air].map((v) => Math.log10(Math.max(v, 1e-12))) : ends };
    }
  }

  // A template with its numbers. `shown` are both ends of the axis.
  function fill(figure, given, shown, revision, shapes = { shapes: [], annotations: [] }) {
    const options = { ...DEFAULTS, ...given };
    const layout = { ...figure.layout, uirevision: revision };
    const horizontals = layout.meta?.steps ?? Object.keys(layout).filter((key) => /^xaxis\d*$/.test(key));
    for (const key of horizontals) layout[key] = horizontal(layout[key], options, shown);
    if (options.log) {
      for (const key of Object.keys(layout).filter((name) => /^yaxis\d*$/.test(name))) layout[key] = vertical(layout[key]);
    }
    layout.shapes = [...(layout.shapes || []), ...shapes.shapes];
    layout.annotations = [...(layout.annotations || []), ...shapes.annotations];
    const data = figure.data.map((trace) => (KINDS[trace.meta.kind] || line)(trace, options));
    if (horizontals.length && !data.some(({ type }) => type === "heatmap")) scales(layout, data, options.log);
    return { ...figure, data, layout };
  }

  const MARKS = { critical: ["▲", "#D55E00"], warning: ["◆", "#E69F00"], info: ["●", "#56B4E9"] };

  const NAME_WIDTH = 0.15;     // share of a panel that the name of an alert takes

  // Which alerts have room for their names: the most urgent and the newest first.
  function named(alerts, at, [first, last]) {
    const width = NAME_WIDTH * (last - first), taken = [];
    const urgent = Object.keys(MARKS);
    const order = [...alerts].sort((a, b) => urgent.indexOf(a.severity) - urgent.indexOf(b.severity) || b.onset_step - a.onset_step);
    return new Set(order.filter(({ onset_step: step }) => {
      const x = at(step);
      if (x < first || x > last || taken.some((other) => Math.abs(other - x) < width)) return false;
      taken.push(x);
      return true;
    }));
  }

  // Alerts as regions from their onset on, named where there is room; and the chosen step as a line.
  // `at` says where a step is on the axis, of which `shown` are both ends.
  function regions(alerts, at, lastStep, chosen, ink, shown) {
    const shapes = [], annotations = [], names = named(alerts, at, shown);
    const whole = { xref: "x", yref: "paper", y0: 0, y1: 1 };
    for (const alert of alerts) {
      const [mark, colour] = MARKS[alert.severity] || MARKS.info;
      const from = at(alert.onset_step), to = at(alert.resolved_step ?? lastStep);
      shapes.push({ type: "rect", layer: "below", x0: from, x1: to, fillcolor: colour, opacity: 0.09, line: { width: 0 }, ...whole });
      shapes.push({ type: "line", x0: from, x1: from, line: { color: colour, width: 1.2, dash: "dot" }, ...whole });
      if (!names.has(alert)) continue;
      annotations.push({
        x: from, y: 1, xref: "x", yref: "paper", yanchor: "top", showarrow: false,
        xanchor: from - shown[0] < NAME_WIDTH * (shown[1] - shown[0]) ? "left" : "right",
        text: `${mark} A${alert.id}`, font: { size: 10, color: ink }, hovertext: alert.detector.replace(/_/g, " "),
      });
    }
    if (chosen !== null) {
      shapes.push({ type: "line", x0: at(chosen), x1: at(chosen), line: { color: ink, width: 1, dash: "dash" }, ...whole });
    }
    return { shapes, annotations };
  }

  // Stretches that were pinned, from the trail of pins and releases: [[from, to or null]].
  function pinned(trail) {
    const found = [];
    for (const { step, source } of trail) {
      const open = found.length && found.at(-1)[1] === null;
      if (source === "override" && !open) found.push([step, null]);
      if (source !== "override" && open) found.at(-1)[1] = step;
    }
    return found;
  }

  // These stretches as regions of a figure, named once each.
  function overrideRegions(stretches, at, lastStep, ink) {
    const whole = { xref: "x", yref: "paper" };
    return {
      shapes: stretches.map(([from, to]) => ({
        type: "rect", layer: "below", x0: at(from), x1: at(to ?? lastStep), y0: 0, y1: 1, fillcolor: "#CC79A7", opacity: 0.16, line: { width: 0 }, ...whole,
      })),
      annotations: stretches.map(([from]) => ({
        x: at(from), y: 0, xanchor: from > 0.7 * lastStep ? "right" : "left", yanchor: "bottom", showarrow: false, text: "■ override", font: { size: 10, color: ink }, ...whole,
      })),
    };
  }

  // Counts of values in equal bins over all of them: {edges, counts: [per list]}.
  function histogram(lists, bins = 30) {
    const all = lists.flat().filter(Number.isFinite);
    if (!all.length) return { edges: [], counts: lists.map(() => []) };
    let [low, high] = all.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]);
    if (high === low) [low, high] = [low - 0.5, high + 0.5];
    const width = (high - low) / bins;
    const counts = lists.map((list) => {
      const count = new Array(bins).fill(0);
      for (const v of list) if (Number.isFinite(v)) count[Math.min(bins - 1, Math.floor((v - low) / width))] += 1;
      return count;
    });
    return { edges: Array.from({ length: bins + 1 }, (_, i) => low + i * width), counts };
  }

  Object.assign(core, { fill, regions, pinned, overrideRegions, histogram });
})(typeof window === "undefined" ? globalThis : window);
