// Pure functions of the browser's side: no document, no network, no clock. Tested by node.
// This file: the numbers, from the binary answer to what a figure asks for.
(function (root) {
  "use strict";
  const core = (root.fadewatchCore ||= {});

  // The binary answer of series.bin -> {run, attempt, lastStep, series: {metric: {step, value}}}.
  function decode(buffer) {
    const length = new DataView(buffer).getUint32(0, true);
    const text = new TextDecoder().decode(new Uint8Array(buffer, 4, length));
    const header = JSON.parse(text);
    let offset = 4 + length;
    const column = (points) => {
      const values = new Float64Array(buffer, offset, points);
      offset += 8 * points;
      return values;
    };
    const series = {};
    for (const { metric, points } of header.series) {
      series[metric] = { step: column(points), value: column(points) };
    }
    return { run: header.run, attempt: header.attempt, lastStep: header.last_step, series };
  }

  function median(values) {
    const sorted = Float64Array.from(values).sort();
    return sorted.length ? sorted[sorted.length >> 1] : NaN;
  }

  // Exponential average with the bias of its start removed; a NaN stays a gap and is not averaged.
  // With steps, a point counts by its distance, so that denser points are not smoothed less.
  function ema(values, keep, steps = null) {
    const out = new Float64Array(values.length);
    // of the first half: a tail that came live is denser
    const early = steps ? steps.slice(0, (steps.length >> 1) + 2) : [];
    const usual = early.length > 2 ? median(early.slice(1).map((s, i) => s - early[i])) : 0;
    let sum = 0, weight = 0, last = -1;
    for (let i = 0; i < values.length; i++) {
      if (!Number.isFinite(values[i])) { out[i] = NaN; continue; }
      const apart = usual > 0 && last >= 0 ? Math.min((steps[i] - steps[last]) / usual, 50) : 1;
      const kept = keep ** apart;
      sum = kept * sum + (1 - kept) * values[i];
      weight = kept * weight + (1 - kept);
      out[i] = weight > 0 ? sum / weight : values[i];
      last = i;
    }
    return out;
  }

  // The steps to ask for: {from, to}, both null for all of them. A zoom goes before the range; it is widened to
  // multiples of a power of two, where buckets of the service end: it need not cut any, and the next zoom is more
  // often the same. It does not reach behind the last step for that: numbers would be missing there as soon as one comes.
  function windowOf(range, lastStep, zoom) {
    if (zoom) {
      const [from, to] = [Math.floor(zoom[0]), Math.ceil(zoom[1])], unit = 2 ** Math.max(0, Math.floor(Math.log2((to - from) / 32)));
      const widened = Math.ceil((to + 1) / unit) * unit - 1;
      return { from: Math.max(0, Math.floor(from / unit) * unit), to: Math.max(0, Math.min(widened, Math.max(to, lastStep ?? to))) };
    }
    const newest = Number(range);
    if (!newest || lastStep === null) return { from: null, to: null };
    return { from: Math.max(0, lastStep - newest + 1), to: lastStep };
  }

  function seriesUrl(run, metrics, window, points) {
    const query = new URLSearchParams({ metrics: metrics.join(","), points });
    if (window.from !== null) query.set("from", window.from);
    if (window.to !== null) query.set("to", window.to);
    return `/api/v1/runs/${encodeURIComponent(run)}/series.bin?${query}`;
  }

  // Which panels must be drawn: visible, and drawn from something else than what is wanted now.
  function stale(wanted, visible, drawn) {
    return Object.keys(wanted).filter((key) => visible.has(key) && drawn[key] !== wanted[key]);
  }

  // The same keys, from one of them on and round.
  function startingAt(first, keys) {
    const at = Math.max(0, keys.indexOf(first));
    return [...keys.slice(at), ...keys.slice(0, at)];
  }

  // Every [run, metric] that a trace is filled from.
  function sources({ run, metric, metrics, where, plus, minus, among }) {
    const names = [...(metric ? [metric] : []), ...(metrics || []), ...(where || []), ...(plus ? [plus] : [])];
    const runs = [...(among || [run]), ...(minus ? [minus] : [])];
    return runs.flatMap((one) => names.map((name) => [one, name]));
  }

  // {run: [metrics]} over some figure templates.
  function metricsOf(figures) {
    const found = {};
    for (const trace of figures.flatMap((figure) => figure.data)) {
      for (const [run, metric] of sources(trace.meta)) (found[run] ||= new Set()).add(metric);
    }
    return Object.fromEntries(Object.entries(found).map(([run, names]) => [run, [...names].sort()]));
  }

  // Whether a run only went on since `before`, one step after the other: then its tail is enough.
  function wentOn(before, now) {
    if (!before || before.attempt !== now.attempt || before.last_step === null) return false;
    const steps = now.last_step - before.last_step;
    return steps > 0 && steps === now.step_count - before.step_count;
  }

  // A series with its new points behind it.
  function append(series, tail) {
    const join = (a, b) => { const out = new Float64Array(a.length + b.length); out.set(a); out.set(b, a.length); return out; };
    return { step: join(series.step, tail.step), value: join(series.value, tail.value) };
  }

  // The points of a series from a step on.
  function since(series, first) {
    let start = 0;
    while (start < series.step.length && series.step[start] < first) start++;
    return start ? { step: series.step.subarray(start), value: series.value.subarray(start) } : series;
  }

  Object.assign(core, { decode, ema, median, windowOf, seriesUrl, stale, startingAt, metricsOf, wentOn, append, since });
})(typeof window === "undefined" ? globalThis : window);
