// Pure functions: other axes than the step, differences, and means over seeds.
(function (root) {
  "use strict";
  const core = (root.fadewatchCore ||= {});

  // Straight lines between points; NaN outside of them. `xs` does not decrease.
  function interpolate(xs, ys, x) {
    const last = xs.length - 1;
    if (last < 0 || !(x >= xs[0] && x <= xs[last])) return NaN;
    let low = 0, high = last;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (xs[middle] <= x) low = middle; else high = middle;
    }
    if (xs[high] === xs[low]) return ys[high];
    const part = (x - xs[low]) / (xs[high] - xs[low]);
    return part === 0 ? ys[low] : part === 1 ? ys[high] : ys[low] + part * (ys[high] - ys[low]);
  }

  // The same, going on at the mean slope beyond both ends.
  function extrapolate(xs, ys, x) {
    const last = xs.length - 1;
    if (last < 1) return last < 0 ? NaN : ys[0];
    const slope = (ys[last] - ys[0]) / (xs[last] - xs[0] || 1);
    if (x < xs[0]) return ys[0] + slope * (x - xs[0]);
    if (x > xs[last]) return ys[last] + slope * (x - xs[last]);
    return interpolate(xs, ys, x);
  }

  // Where steps are on an axis; `axis` is null for steps themselves, else {step, x}.
  const place = (axis, steps) => (axis ? Float64Array.from(steps, (s) => extrapolate(axis.step, axis.x, s)) : steps);
  const unplace = (axis, x) => (axis ? extrapolate(axis.x, axis.step, x) : x);

  // Seconds since the first step, or tokens so far, from the series that tells them.
  function axisFrom(kind, series) {
    if (!series || series.step.length < 2) return null;
    const first = kind === "time" ? series.value[0] : 0;
    let top = -Infinity;
    // a clock that was set back, or a counter that a restart reset, must not fold the axis
    const x = Float64Array.from(series.value, (v) => { top = Math.max(top, v - first); return top; });
    return x[x.length - 1] > x[0] ? { step: Float64Array.from(series.step), x } : null;
  }

  // Whichever unit of time a span is told in: [seconds, word].
  function timeUnit(seconds) {
    return seconds >= 2 * 86400 ? [86400, "d"] : seconds >= 7200 ? [3600, "h"] : seconds >= 120 ? [60, "min"] : [1, "s"];
  }

  // 97.5 % quantiles of Student's t by degrees of freedom.
  const STUDENT = [NaN, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201,
    2.179, 2.16, 2.145, 2.131, 2.12, 2.11, 2.101, 2.093];

  // Mean of n values and its 95 % interval; no interval for a single one.
  function meanAndInterval(values) {
    const n = values.length;
    if (!n) return { mean: NaN, low: NaN, high: NaN, sd: NaN };
    const mean = values.reduce((sum, v) => sum + v, 0) / n;
    if (n === 1) return { mean, low: NaN, high: NaN, sd: NaN };
    const sd = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (n - 1));
    const half = ((STUDENT[n - 1] ?? 1.96) * sd) / Math.sqrt(n);
    return { mean, low: mean - half, high: mean + half, sd };
  }

  const AGGREGATE_POINTS = 240;

  // A statistic over curves [{x, y}], at equally spaced places where at least one of them is.
  function aggregate(curves, statistic, points = AGGREGATE_POINTS) {
    const known = curves.map(finite).filter(({ x }) => x.length);
    if (!known.length) return { x: new Float64Array(), y: new Float64Array() };
    const first = Math.min(...known.map(({ x }) => x[0]));
    const last = Math.max(...known.map(({ x }) => x[x.length - 1]));
    const most = Math.max(...known.map(({ x }) => x.length));
    const count = Math.max(2, Math.min(points, most));
    const x = Float64Array.from({ length: count }, (_, i) => first + ((last - first) * i) / (count - 1));
    const y = x.map((at) => {
      const there = known.map((c) => interpolate(c.x, c.y, at)).filter(Number.isFinite);
      return meanAndInterval(there)[statistic];
    });
    return { x, y };
  }

  function finite({ x, y }) {
    const kept = [...y.keys()].filter((i) => Number.isFinite(y[i]) && Number.isFinite(x[i]));
    return { x: Float64Array.from(kept, (i) => x[i]), y: Float64Array.from(kept, (i) => y[i]) };
  }

  // A curve less another one, where both are known.
  function difference(curve, base) {
    const known = finite(base);
    return { x: curve.x, y: Float64Array.from(curve.y, (v, i) => v - interpolate(known.x, known.y, curve.x[i])) };
  }

  Object.assign(core, { interpolate, place, unplace, axisFrom, timeUnit, meanAndInterval, aggregate, difference });
})(typeof window === "undefined" ? globalThis : window);
