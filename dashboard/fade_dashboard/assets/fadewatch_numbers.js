// Reading the numbers of a page: a series once, then only what came since.
(function () {
  "use strict";
  const core = window.fadewatchCore;
  const page = window.fadewatchPage;
  const { state, ask } = page;
  const POINTS = 1000;        // of an axis
  const FRAMING = 80;         // pixels of a panel beside its plot
  const MOST_TAIL = 400;      // points behind a downsampled series before it is read anew
  const MOST_METRICS = 64;    // a request, as the service allows; one costs it as much as a dozen metrics
  const TOKENS = ["num_tokens", "num_input_tokens_seen", "total_tokens", "tokens_seen"].map((name) => `extra/${name}`);
  let held = new Map();       // "run points metric" -> {window, body, series, dense, tail}
  let heldFor = "";

  // About two a pixel of a plot; in hundreds, so that a little more room asks for nothing anew.
  function pointsOfPanels() {
    const width = document.querySelector("section[id^=panel-]")?.clientWidth || 0;
    return 100 * Math.max(4, Math.ceil((2 * (width - FRAMING)) / 100));
  }

  // Numbers of these panels: {panel: {run: {metric: {step, value}}}}.
  async function read(keys) {
    forgetOthers();
    const wanted = new Map(), points = pointsOfPanels();
    for (const key of keys) {
      for (const [run, metrics] of Object.entries(core.metricsOf([page.figureOf(key)]))) {
        if (!state.bodies[run]) continue;
        const window = page.windowFor(key, run);
        const text = `${run} ${JSON.stringify(window)}`;
        const entry = wanted.get(text) || { run, window, metrics: new Set(), keys: [] };
        metrics.forEach((metric) => entry.metrics.add(metric));
        entry.keys.push(key);
        wanted.set(text, entry);
      }
    }
    const series = {};
    await Promise.all([...wanted.values()].map(async ({ run, window, metrics, keys: members }) => {
      const known = new Set(state.bodies[run].metrics);
      const found = await seriesOf(run, [...metrics].filter((metric) => known.has(metric) || metric === "time"), window, points);
      for (const key of members) Object.assign(((series[key] ||= {})[run] ||= {}), found);
    }));
    return series;
  }

  function forgetOthers() {
    const now = [state.page, state.run].join(" ");
    if (now !== heldFor) held = new Map();
    heldFor = now;
  }

  async function seriesOf(run, metrics, window, points = POINTS) {
    const body = state.bodies[run], out = {}, asks = new Map();
    for (const metric of metrics) {
      const known = held.get(`${run} ${points} ${metric}`);
      const first = known ? missingFrom(known, window, body) : undefined;
      if (first === null) out[metric] = cut(known, window);
      else asks.set(first, [...(asks.get(first) || []), metric]);
    }
    await Promise.all([...asks].flatMap(([first, names]) => chunks(names).map(async (some) => {
      const range = first === undefined ? window : { from: first, to: null };
      const decoded = core.decode(await (await ask(core.seriesUrl(run, some, range, points))).arrayBuffer());
      for (const metric of some) out[metric] = keep(`${run} ${points} ${metric}`, decoded.series[metric], window, body, first, points);
    })));
    return out;
  }

  const chunks = (names) => Array.from({ length: Math.ceil(names.length / MOST_METRICS) }, (_, i) => names.slice(MOST_METRICS * i, MOST_METRICS * (i + 1)));
  const cut = ({ series }, window) => (window.from === null ? series : core.since(series, window.from));

  // From where on a held series lacks something: null for nothing, undefined where it is of no use.
  function missingFrom(known, window, body) {
    const live = (one, run) => one.to === null || one.to === run.last_step;
    const begins = window.from === known.window.from || (known.dense && (window.from ?? 0) >= (known.window.from ?? 0));
    const same = known.body.attempt === body.attempt && known.body.step_count === body.step_count && known.body.last_step === body.last_step;
    const on = core.wentOn(known.body, body);
    if (!begins || !(same || on)) return undefined;
    if (!(live(window, body) && live(known.window, known.body))) return window.to === known.window.to && window.to <= known.body.last_step ? null : undefined;
    if (same) return null;
    return known.tail < MOST_TAIL ? known.body.last_step + 1 : undefined;
  }

  function keep(name, series, window, body, first, points) {
    const facts = { attempt: body.attempt, step_count: body.step_count, last_step: body.last_step };
    // the run may be further by now than what was known of it: the next tail would bring that again
    const upTo = series.step.findLastIndex((step) => step <= body.last_step) + 1;
    const known = { step: series.step.subarray(0, upTo), value: series.value.subarray(0, upTo) };
    if (first === undefined) {
      held.set(name, { window, body: facts, series: known, dense: series.step.length < points, tail: 0 });
    } else {
      const before = held.get(name);
      held.set(name, { ...before, window: before.window, body: facts, series: core.append(before.series, known), tail: before.tail + known.step.length });
    }
    return cut(held.get(name), window);
  }

  // The axis of tokens or time of every run in view; nothing to read for steps.
  async function readAxes() {
    const kind = state.view.axis;
    if (kind === "step") { Object.assign(state, { axes: {}, axesFor: "" }); return; }
    const ids = page.idsInView().filter((id) => state.bodies[id]);
    const text = JSON.stringify([kind, ids.map((id) => [id, page.lastStep(id), state.bodies[id].attempt])]);
    if (text === state.axesFor) return;
    const found = await Promise.all(ids.map((id) => readAxis(kind, id)));
    const longest = Math.max(0, ...found.map((axis) => (axis ? axis.x[axis.x.length - 1] : 0)));
    state.unit = kind === "time" ? core.timeUnit(longest) : [1, ""];
    for (const axis of found) if (axis) axis.x = axis.x.map((x) => x / state.unit[0]);
    state.axes = Object.fromEntries(ids.map((id, i) => [id, found[i] || false]));
    state.axesFor = text;
  }

  const tokensOf = (body) => TOKENS.find((name) => body.metrics.includes(name));

  async function readAxis(kind, id) {
    const metric = kind === "time" ? "time" : tokensOf(state.bodies[id]);
    if (!metric) return null;
    const series = await seriesOf(id, [metric], { from: null, to: null });
    return core.axisFrom(kind, series[metric]);
  }

  // Alerts, where the service has them and they have changed.
  async function readAlerts() {
    const body = state.bodies[state.run];
    if (!body || body.alert_version === undefined || body.alert_version === state.alertVersion) return;
    state.alertVersion = body.alert_version;
    const { alerts } = await (await ask(`/api/v1/runs/${encodeURIComponent(body.id)}/alerts`)).json();
    state.alerts = alerts.filter((alert) => alert.state !== "pending");
    page.applyTemplates();
  }

  // Where people have pinned the schedule, when that has changed.
  async function readOverrides() {
    const body = state.bodies[state.run];
    if (!body || body.override_version === state.overrideVersion) return;
    const { changes } = await (await ask(`/api/v1/runs/${encodeURIComponent(body.id)}/schedule/changes?limit=400`)).json();
    Object.assign(state, { overrideVersion: body.override_version, pinned: core.pinned(changes.reverse()) });
  }

  window.fadewatchNumbers = { read, readAxes, readAlerts, readOverrides, tokensOf };
})();
