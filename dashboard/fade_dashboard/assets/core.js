// Pure functions of the browser's side: no document, no network, no clock. Tested by node.
(function (root) {
  "use strict";

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

  // Exponential average with the bias of its start removed; a NaN stays a gap and is not averaged.
  function ema(values, keep) {
    const out = new Float64Array(values.length);
    let sum = 0, weight = 0;
    for (let i = 0; i < values.length; i++) {
      if (!Number.isFinite(values[i])) { out[i] = NaN; continue; }
      sum = keep * sum + (1 - keep) * values[i];
      weight = keep * weight + (1 - keep);
      out[i] = sum / weight;
    }
    return out;
  }

  // The steps to ask for: {from, to}, both null for all of them. A zoom goes before the range.
  function windowOf(range, lastStep, zoom) {
    if (zoom) return { from: Math.max(0, Math.floor(zoom[0])), to: Math.max(0, Math.ceil(zoom[1])) };
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

  // {run: [metrics]} over some figure templates.
  function metricsOf(figures) {
    const found = {};
    for (const { meta } of figures.flatMap((figure) => figure.data)) {
      (found[meta.run] ||= new Set()).add(meta.metric);
    }
    return Object.fromEntries(Object.entries(found).map(([run, names]) => [run, [...names].sort()]));
  }

  // A line through a single point is nothing: mark it.
  function visibly(values) {
    return values.filter(Number.isFinite).length < 2 ? { mode: "lines+markers", cliponaxis: false } : {};
  }

  function filled(trace, series, smoothing) {
    const { run, metric, sign, smooth, ghost } = trace.meta;
    const found = (series[run] || {})[metric];
    // one gap instead of no point: plotly draws a broken axis for a plot without a trace
    if (!found || !found.step.length) return { ...trace, x: [0], y: [NaN] };
    const value = smooth && smoothing > 0 ? ema(found.value, smoothing) : found.value;
    const drawn = { ...trace, ...visibly(found.value), x: found.step, y: sign < 0 ? value.map((v) => -v) : value };
    if (sign < 0) drawn.customdata = value;
    if (ghost) drawn.visible = smoothing > 0;
    return drawn;
  }

  // A template with its numbers. `axis` is [first, last] step to show.
  function fill(figure, series, smoothing, axis, revision) {
    const layout = { ...figure.layout, uirevision: revision };
    for (const key of Object.keys(layout)) {
      if (/^xaxis\d*$/.test(key)) layout[key] = { ...layout[key], range: axis, autorange: false };
    }
    return { ...figure, data: figure.data.map((trace) => filled(trace, series, smoothing)), layout };
  }

  const DEFAULTS = { compare: [], smooth: 0.9, range: "all", dark: false };
  const RANGES = ["all", "1000", "200"];

  function parseView(search, storedDark) {
    const query = new URLSearchParams(search || "");
    const smooth = Number.parseFloat(query.get("smooth"));
    const dark = query.get("dark");
    return {
      compare: (query.get("compare") || "").split(",").filter(Boolean),
      smooth: smooth >= 0 && smooth < 1 ? smooth : DEFAULTS.smooth,
      range: RANGES.includes(query.get("range")) ? query.get("range") : DEFAULTS.range,
      dark: dark === null ? Boolean(storedDark) : dark === "1",
    };
  }

  // The address that reproduces a view; what is at its default is left out.
  function composeSearch(view, storedDark) {
    const parts = [];
    if (view.compare.length) parts.push(`compare=${view.compare.map(encodeURIComponent).join(",")}`);
    if (view.smooth !== DEFAULTS.smooth) parts.push(`smooth=${view.smooth}`);
    if (view.range !== DEFAULTS.range) parts.push(`range=${view.range}`);
    if (view.dark !== Boolean(storedDark) || view.dark) parts.push(`dark=${view.dark ? 1 : 0}`);
    return parts.length ? `?${parts.join("&")}` : "";
  }

  // The controls that a person moved: a control also reports what it was just given.
  function changes(shown, given) {
    const moved = ([key, value]) => JSON.stringify(value) !== JSON.stringify(given[key]);
    return Object.fromEntries(Object.entries(shown).filter(moved));
  }

  // The zoom in a relayout event: [from, to], null for "all again", undefined for neither.
  function zoomIn(event) {
    for (const [key, value] of Object.entries(event || {})) {
      const axis = key.match(/^(xaxis\d*)\.(range\[0\]|range|autorange)$/);
      if (!axis) continue;
      if (axis[2] === "autorange") return null;
      return axis[2] === "range" ? value.slice() : [value, event[`${axis[1]}.range[1]`]];
    }
    return undefined;
  }

  // A number of the API, where what JSON has no number for is a word.
  const toNumber = (value) => (value === null || value === undefined ? NaN : Number(value));

  function number(value, form) {
    if (!Number.isFinite(value)) return Number.isNaN(value) ? "–" : String(value);
    if (form === "percent") return `${(100 * value).toFixed(1)} %`;
    const size = Math.abs(value);
    if (size >= 1000) return Math.round(value).toLocaleString("en-US");
    if (size >= 0.095 || size === 0) return value.toFixed(size >= 100 ? 0 : 2);
    return size >= 1e-4 ? String(Number(value.toPrecision(2))) : value.toExponential(1);
  }

  const count = (value) => (value === null ? "–" : value.toLocaleString("en-US"));

  function age(seconds) {
    if (!(seconds >= 1)) return "now";
    for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
      if (seconds >= size) return `${Math.floor(seconds / size)} ${unit} ago`;
    }
    return `${Math.floor(seconds)} s ago`;
  }

  const epoch = (time) => (typeof time === "string" ? Date.parse(time) / 1000 : time);

  // Shape, word and tone of a status: never colour alone.
  function status(name) {
    const known = {
      running: { mark: "●", word: "live", tone: "good" },
      finished: { mark: "■", word: "finished", tone: "calm" },
      failed: { mark: "▲", word: "failed", tone: "bad" },
      stale: { mark: "◆", word: "silent", tone: "warn" },
    };
    return known[name] || { mark: "○", word: String(name), tone: "calm" };
  }

  // The line below a tile's number.
  function remark(tile, values, steps) {
    const last = values.length - 1;
    if (last < 0) return tile.target === null ? "no data yet" : `${tile.target_label} ${number(tile.target)}`;
    if (tile.target !== null && tile.target > 0) {
      const part = Math.round(100 * (values[last] / tile.target - 1));
      const side = part < 0 ? `▼ ${-part} % under` : `▲ ${part} % over`;
      return `${side} ${tile.target_label} ${number(tile.target)}`;
    }
    let first = last;
    while (first > 0 && steps[last] - steps[first] < 200) first--;
    const change = values[last] - values[first];
    const over = `over ${count(steps[last] - steps[first])} steps`;
    if (last === first) return "first value";
    if (Math.abs(change) < 0.0005 * Math.max(1e-9, Math.abs(values[last]))) return `unchanged ${over}`;
    const sign = change < 0 ? "−" : "+";
    const size = tile.form === "percent" ? `${(100 * Math.abs(change)).toFixed(1)} pt` : number(Math.abs(change));
    return `${sign}${size} ${over}`;
  }

  // A small picture of a course as the address of an SVG.
  function sparkline(values, colour, width = 92, height = 30) {
    const shown = [...values].filter(Number.isFinite);
    if (shown.length < 2) return "";
    const every = Math.max(1, Math.floor(shown.length / 60));
    const kept = shown.filter((_, i) => i % every === 0 || i === shown.length - 1);
    const low = Math.min(...kept), high = Math.max(...kept);
    const x = (i) => (1 + (i * (width - 5)) / (kept.length - 1)).toFixed(1);
    const y = (v) => (height - 3 - ((v - low) / (high - low || 1)) * (height - 6)).toFixed(1);
    const line = kept.map((v, i) => `${x(i)},${y(v)}`).join(" ");
    const end = kept.length - 1;
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">` +
      `<polygon points="1,${height} ${line} ${x(end)},${height}" fill="${colour}" fill-opacity=".13"/>` +
      `<polyline points="${line}" fill="none" stroke="${colour}" stroke-width="1.6" stroke-linejoin="round"/>` +
      `<circle cx="${x(end)}" cy="${y(kept[end])}" r="2.4" fill="${colour}"/></svg>`;
    return `data:image/svg+xml,${encodeURIComponent(svg)}`;
  }

  const core = {
    decode, ema, windowOf, seriesUrl, stale, metricsOf, fill, parseView, composeSearch, changes,
    zoomIn,
    toNumber, number, count, age, epoch, status, remark, sparkline,
  };
  if (typeof module !== "undefined") module.exports = core;
  else root.fadewatchCore = core;
})(typeof window === "undefined" ? globalThis : window);
