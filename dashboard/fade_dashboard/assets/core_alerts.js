// Pure functions: alerts and pins in words.
(function (root) {
  "use strict";
  const core = (root.fadewatchCore ||= {});
  const SEVERITIES = ["critical", "warning", "info"];
  const OPEN = ["firing", "acknowledged"];

  const isOpen = (alert) => OPEN.includes(alert.state);
  const plain = (name) => String(name).replace(/_/g, " ");
  const capital = (text) => text.slice(0, 1).toUpperCase() + text.slice(1);

  // Open ones first, then the worst, then the newest.
  function byUrgency(a, b) {
    return Number(isOpen(b)) - Number(isOpen(a)) || SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) || b.id - a.id;
  }

  // [[name, value]] in words; the window of steps comes last.
  function evidence(found) {
    const { window: steps, ...numbers } = found || {};
    const words = Object.entries(numbers).map(([name, value]) => [plain(name), typeof value === "number" || /^(NaN|-?Infinity)$/.test(value) ? core.number(core.toNumber(value)) : String(value)]);
    return Array.isArray(steps) ? [...words, ["steps", `${core.count(steps[0])} to ${core.count(steps[1])}`]] : words;
  }

  // Where an alert is on the axis of steps, in words.
  function span(alert) {
    if (alert.resolved_step !== null) return `steps ${core.count(alert.onset_step)} to ${core.count(alert.resolved_step)}`;
    return `since step ${core.count(alert.onset_step)}, last seen at ${core.count(alert.last_step)}`;
  }

  // The steps to zoom to so that an alert is seen with what was before it.
  function around(alert, lastStep) {
    const end = alert.resolved_step ?? Math.max(alert.last_step, lastStep ?? 0);
    const air = Math.max(10, Math.round(0.25 * (end - alert.onset_step)));
    return [Math.max(0, alert.onset_step - air), end + air];
  }

  // How many are open: "2 critical and 1 warning open".
  function openWords(counts) {
    const parts = SEVERITIES.filter((name) => counts?.[name]).map((name) => `${core.count(counts[name])} ${name === "warning" && counts[name] !== 1 ? "warnings" : name}`);
    return parts.length ? `${parts.join(" and ")} open` : "nothing open";
  }

  function countOf(alerts) {
    const counts = {};
    for (const { severity } of alerts) counts[severity] = (counts[severity] || 0) + 1;
    return counts;
  }

  // A span of time ahead: "in 57 min".
  function ahead(seconds) {
    if (seconds < 60) return `in ${Math.max(1, Math.round(seconds))} s`;
    for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
      if (seconds >= 2 * size || size === 60) return `in ${Math.floor(seconds / size)} ${unit}`;
    }
  }

  // What is pinned: "alpha 2.00 and delta 0.80".
  function pair({ alpha, delta }) {
    const parts = [["alpha", alpha], ["delta", delta]].filter(([, value]) => value !== null && value !== undefined);
    return parts.map(([name, value]) => `${name} ${core.number(core.toNumber(value))}`).join(" and ");
  }

  // Whether the trainer uses what is pinned or was released: {word, tone}.
  function confirmation(run) {
    if (!run.override_version) return { word: "Nothing was pinned yet", tone: "calm" };
    const what = run.override ? "the pin" : "the release";
    if (run.override_step !== null) return { word: `The trainer confirmed ${what} at step ${core.count(run.override_step)}`, tone: "good" };
    if (run.mode !== "control") return { word: `This run only ${run.mode}s: its trainer does not take ${what} over`, tone: "warn" };
    if (run.status !== "running") return { word: `The trainer has not confirmed ${what}, and is not running`, tone: "warn" };
    return { word: `Waiting for the trainer to confirm ${what}`, tone: "warn" };
  }

  // A problem document in one sentence: what came and what to do are in its errors.
  function problem(body, status) {
    const errors = (body?.errors || []).map(({ field, message }) => `${field}: ${message}`);
    return [...(errors.length ? errors : [body?.detail || `the service answered ${status}`])].join("; ");
  }

  Object.assign(core, { isOpen, plain, capital, byUrgency, evidence, span, around, openWords, countOf, ahead, pair, confirmation, problem });
})(typeof window === "undefined" ? globalThis : window);
