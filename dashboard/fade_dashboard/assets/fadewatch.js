// The live page of a run: once a second, ask for what is visible and has changed, and fill it in.
(function () {
  "use strict";
  const core = window.fadewatchCore;
  const POINTS = 1000;
  const state = fresh();
  let serial = 0;

  function fresh() {
    return {
      run: null,          // id of the run in the address
      view: null,         // {compare, smooth, range, dark}
      templates: null,    // what the server side made for `wanted`
      wanted: "",         // the last question for templates, as text
      bodies: {},         // Run JSON by id
      zooms: {},          // panel -> [from, to]
      visible: new Set(["tiles"]),
      drawn: {},          // panel -> what it was drawn from, as text
      filled: {},         // panel -> its figure
      sent: {},           // component -> the props it was last given, as text
      busy: false, again: false, sync: true, follow: true,
    };
  }

  const base = () => document.getElementById("shell-base")?.dataset.base || "/";
  const runHref = (id) => `${base()}runs/${encodeURIComponent(id)}`;
  const domId = (id) => (typeof id === "string" ? id : JSON.stringify(id));

  // Give a component props, if it is on the page and they are new to it.
  function give(id, props, key = JSON.stringify(props)) {
    const name = domId(id);
    if (state.sent[name] === key || !document.getElementById(name)) return;
    state.sent[name] = key;
    window.dash_clientside.set_props(id, props);
  }

  class Refused extends Error {
    constructor(status) { super(`service answered ${status}`); this.status = status; }
  }

  async function ask(url) {
    const answer = await fetch(url, { credentials: "same-origin", cache: "no-cache" });
    if (!answer.ok) throw new Refused(answer.status);
    return answer;
  }

  function reachable(error) {
    const text = error instanceof Refused ? error.message : "service not reachable";
    give("offline", { children: error ? `${text}, retrying` : "", className: error ? "offline" : "hidden" });
  }

  const idsInView = () => [state.run, ...state.view.compare.filter((id) => id !== state.run)];
  const lastStep = (id) => state.bodies[id]?.last_step ?? null;

  // ------------------------------------------------------------------ what a run is, in words
  async function readRuns() {
    const ended = (id) => ["finished", "failed"].includes(state.bodies[id]?.status);
    const ids = idsInView().filter((id) => id === state.run || !ended(id));
    const bodies = await Promise.all(ids.map(async (id) => {
      const url = `/api/v1/runs/${encodeURIComponent(id)}`;
      return ask(url).then((answer) => answer.json()).catch((error) => {
        if (id !== state.run && error.status === 404) return null; // a compared run may be gone
        throw error;
      });
    }));
    ids.forEach((id, i) => { if (bodies[i]) state.bodies[id] = bodies[i]; });
  }

  // Ask the server side for figure templates when what they depend on has changed.
  function wantTemplates() {
    const known = idsInView().map((id) => state.bodies[id]).filter(Boolean);
    if (!known.some((run) => run.id === state.run)) return;
    const facts = known.map((run) => [run.id, run.name, [...run.metrics].sort(), run.schedule?.h_star ?? null]);
    const wanted = { runs: idsInView(), dark: state.view.dark, facts };
    const text = JSON.stringify(wanted);
    if (text === state.wanted) return;
    state.wanted = text;
    window.dash_clientside.set_props("wanted", { data: wanted });
  }

  // ------------------------------------------------------------------ the numbers
  function windowFor(key) {
    const zoom = key === "tiles" ? null : state.zooms[key];
    return core.windowOf(state.view.range, lastStep(state.run), zoom);
  }

  function figureOf(key) {
    if (key !== "tiles") return state.templates.panels[key].figure;
    const run = state.run;
    return { data: state.templates.tiles.map(({ metric }) => ({ meta: { run, metric } })) };
  }

  // Everything that a panel's picture depends on, as text.
  function dependsOn(key) {
    const versions = idsInView().map((id) => {
      const run = state.bodies[id];
      return run && [run.last_step, run.attempt, run.step_count];
    });
    return JSON.stringify([windowFor(key), state.view.smooth, state.templates.serial, versions]);
  }

  async function fetchSeries(keys) {
    const groups = new Map();
    for (const key of keys) {
      const text = JSON.stringify(windowFor(key));
      groups.set(text, [...(groups.get(text) || []), key]);
    }
    const series = {};
    await Promise.all([...groups].flatMap(([text, members]) =>
      Object.entries(core.metricsOf(members.map(figureOf))).map(async ([run, metrics]) => {
        const answer = await ask(core.seriesUrl(run, metrics, JSON.parse(text), POINTS));
        const decoded = core.decode(await answer.arrayBuffer());
        for (const key of members) (series[key] ||= {})[run] = decoded.series;
      })));
    return series;
  }

  const shown = (figure) => (figure?.data || []).filter((trace) => trace.visible !== false && trace.x.length > 0);
  const newest = (figure) => Math.max(-1, ...shown(figure).map((trace) => trace.x[trace.x.length - 1]));
  const runsOf = (figure) => [...new Set(shown(figure).map((trace) => trace.meta.run))];

  function axisFor(key) {
    if (state.zooms[key]) return state.zooms[key];
    const { from, to } = windowFor(key);
    const first = from ?? 0;
    const last = to ?? Math.max(...idsInView().map((id) => lastStep(id) ?? 0));
    return [first, Math.max(last + 0.02 * (last - first), first + 10)];
  }

  function draw(key, series) {
    const text = dependsOn(key);
    if (key === "tiles") window.fadewatchShow.tiles(series[state.run] || {});
    else {
      const revision = JSON.stringify([state.zooms[key] || state.view.range]);
      const figure = core.fill(figureOf(key), series, state.view.smooth, axisFor(key), revision);
      state.filled[key] = figure;
      window.dash_clientside.set_props({ panel: key }, { figure });
      const section = document.getElementById(`panel-${key}`);
      if (section) Object.assign(section.dataset, { lastStep: newest(figure), runs: runsOf(figure).length });
    }
    state.drawn[key] = text;
  }

  // ------------------------------------------------------------------ the loop
  const observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const key = target.id.replace(/^panel-/, "");
      if (isIntersecting) state.visible.add(key); else state.visible.delete(key);
    }
    refresh();
  }, { rootMargin: "120px" });

  function watchPanels() {
    for (const section of document.querySelectorAll("section[id^=panel-]")) observer.observe(section);
  }

  async function refresh() {
    if (!state.run || !state.view || !state.templates || document.hidden) return;
    if (state.busy) { state.again = true; return; }
    state.busy = true;
    try {
      const keys = Object.keys(state.templates.panels).filter((key) => state.templates.panels[key].figure);
      const wanted = Object.fromEntries([...keys, "tiles"].map((key) => [key, dependsOn(key)]));
      const todo = core.stale(wanted, state.visible, state.drawn);
      if (todo.length) {
        const before = state.run, serial = state.templates.serial;
        const series = await fetchSeries(todo);
        reachable(null);
        if (before === state.run && serial === state.templates?.serial) {
          todo.forEach((key) => draw(key, series[key] || {}));
          window.fadewatchSync.arm(state);
        }
      }
    } catch (error) {
      reachable(error);
    } finally {
      state.busy = false;
    }
    if (state.again) { state.again = false; refresh(); }
  }

  async function tick(_, sync, follow) {
    Object.assign(state, { sync, follow });
    if (!state.run || !state.view || document.hidden || state.reading) return;
    if (!follow && state.templates) return;
    state.reading = true;
    const before = state.run;
    try {
      await readRuns();
      reachable(null);
      if (before !== state.run) return;
      give("run-crumbs", { className: "crumbs" });
      give("toolbar", { className: "toolbar" });
      window.fadewatchShow.run();
      wantTemplates();
    } catch (error) {
      if (error.status === 404) state.run = null; // the page says that there is no such run
      else reachable(error);
    } finally {
      state.reading = false;
    }
    if (document.getElementById("reason-rows")?.offsetParent) window.fadewatchShow.reasons().catch(reachable);
    refresh();
  }

  // ------------------------------------------------------------------ callbacks of the pages
  function open(runId, view) {
    if (runId !== state.run) Object.assign(state, fresh(), { run: runId, sync: state.sync, follow: state.follow });
    state.view = view;
    tick(0, state.sync, state.follow);
    if (state.bodies[runId]) wantTemplates();
    refresh();
  }

  function templates(made) {
    if (!made) return;
    if (made.error) { state.wanted = ""; return; } // asked again with the next tick
    if (made.runs[0].id !== state.run) return;
    serial += 1;
    state.templates = { ...made, serial };
    applyTemplates();
  }

  function applyTemplates() {
    const made = state.templates;
    if (!made) return;
    for (const [key, panel] of Object.entries(made.panels)) {
      give({ section: key }, { className: panel.figure ? "panel" : "panel no-data" });
    }
    const several = made.runs.length > 1;
    give("legend", { children: several ? made.runs.map(window.fadewatchShow.legendEntry) : [], className: several ? "legend" : "hidden" });
    refresh();
  }

  // A page has been put on the screen: nothing of it has been given anything yet.
  function mounted() {
    observer.disconnect();
    Object.assign(state, { sent: {}, drawn: {}, visible: new Set(["tiles"]) });
    watchPanels();
    window.fadewatchShow.run();
    applyTemplates();
    window.fadewatchShell.offer();
  }

  function zoomed(events) {
    const changed = window.dash_clientside.callback_context.triggered.map(({ prop_id, value }) =>
      [JSON.parse(prop_id.slice(0, prop_id.lastIndexOf("."))).panel, core.zoomIn(value)]);
    for (const [key, zoom] of changed.filter(([, found]) => found !== undefined)) {
      const members = state.sync ? Object.keys(state.templates?.panels || {}) : [key];
      for (const member of members) {
        if (zoom) state.zooms[member] = zoom; else delete state.zooms[member];
      }
      refresh();
    }
  }

  function openReasons(clicks) {
    state.sentReasons = null;
    setTimeout(() => window.fadewatchShow.reasons().catch(reachable), 0);
    return Boolean(clicks);
  }

  document.addEventListener("visibilitychange", () => { if (!document.hidden) tick(0, state.sync, state.follow); });

  window.fadewatchPage = { open, give, ask, reachable, runHref, base, state };
  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.fadewatch = { ...window.dash_clientside.fadewatch, tick, templates, mounted, zoomed, openReasons };

  // What tests and the curious may ask of the page.
  window.fadewatch = {
    lastStep: (key) => newest(state.filled[key]),
    points: (key) => shown(state.filled[key]).reduce((sum, trace) => sum + trace.x.length, 0),
    runs: (key) => runsOf(state.filled[key]),
    zoom: (key) => state.zooms[key] || null,
    panels: () => Object.keys(state.filled),
  };
})();
