// Pure functions: numbers, ages and states in words, and courses as small pictures.
(function (root) {
  "use strict";
  const core = (root.fadewatchCore ||= {});

  // A number of the API, where what JSON has no number for is a word.
  const toNumber = (value) => (value === null || value === undefined ? NaN : Number(value));

  function number(value, form) {
    if (!Number.isFinite(value)) return Number.isNaN(value) ? "–" : String(value);
    if (form === "percent") return `${(100 * value).toFixed(1)}%`;
    const size = Math.abs(value);
    if (size >= 1000) return Math.round(value).toLocaleString("en-US");
    if (size >= 0.095 || size === 0) return value.toFixed(size >= 100 ? 0 : 2);
    return size >= 1e-4 ? String(Number(value.toPrecision(2))) : value.toExponential(1);
  }

  const count = (value) => (value === null || value === undefined ? "–" : value.toLocaleString("en-US"));

  function age(seconds) {
    if (!(seconds >= 1)) return "now";
    for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
      if (seconds >= size) return `${Math.floor(seconds / size)} ${unit} ago`;
    }
    return `${Math.floor(seconds)} s ago`;
  }

  const epoch = (time) => (typeof time === "string" ? Date.parse(time) / 1000 : time);

  // Seconds since the epoch as UTC; the local time is for a tooltip.
  const utc = (seconds) => (Number.isFinite(seconds) ? `${new Date(1000 * seconds).toISOString().slice(0, 16).replace("T", " ")} UTC` : "–");
  const local = (seconds) => (Number.isFinite(seconds) ? `${new Date(1000 * seconds).toLocaleString("en-US")} local time` : "");

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

  const HEALTH = ["critical", "warning", "healthy", "unknown"];

  function health(name) {
    const known = {
      critical: { mark: "▲", word: "critical", tone: "bad" },
      warning: { mark: "◆", word: "warning", tone: "warn" },
      healthy: { mark: "●", word: "healthy", tone: "good" },
    };
    return known[name] || { mark: "○", word: "unknown", tone: "calm" };
  }

  // Worst first.
  const byHealth = (a, b) => HEALTH.indexOf(a) - HEALTH.indexOf(b);

  // The line below a tile's number.
  function remark(tile, values, steps) {
    const last = values.length - 1;
    if (last < 0) return tile.target === null ? "no data yet" : `${tile.target_label} ${number(tile.target)}`;
    if (tile.target !== null && tile.target > 0) {
      const part = Math.round(100 * (values[last] / tile.target - 1));
      const side = part < 0 ? `▼ ${-part}% under` : `▲ ${part}% over`;
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
    // The rounding of a constant is not a course: it must not fill the picture.
    const span = Math.max(high - low, 1e-6 * Math.max(Math.abs(low), Math.abs(high))) || 1;
    const x = (i) => (1 + (i * (width - 5)) / (kept.length - 1)).toFixed(1);
    const y = (v) => (height - 3 - ((v - low) / span) * (height - 6)).toFixed(1);
    const line = kept.map((v, i) => `${x(i)},${y(v)}`).join(" ");
    const end = kept.length - 1;
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">` +
      `<polygon points="1,${height} ${line} ${x(end)},${height}" fill="${colour}" fill-opacity=".13"/>` +
      `<polyline points="${line}" fill="none" stroke="${colour}" stroke-width="1.6" stroke-linejoin="round"/>` +
      `<circle cx="${x(end)}" cy="${y(kept[end])}" r="2.4" fill="${colour}"/></svg>`;
    return `data:image/svg+xml,${encodeURIComponent(svg)}`;
  }

  Object.assign(core, { toNumber, number, count, age, epoch, utc, local, status, health, byHealth, remark, sparkline });
})(typeof window === "undefined" ? globalThis : window);
