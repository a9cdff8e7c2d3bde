// A page of panels: ask for what is visible and has changed, at most once a second, and fill it in.
(function () {
  "use strict";
  const core = window.fadewatchCore;
  let serial = 0;
  const state = { ...fresh(), sync: true, regions: true, follow: true };
  let beSettled = null, beFramed = null, framed = false;
  const settled = new Promise((done) => { beSettled = done; }); // something of a run is shown, or cannot be
  const frame = new Promise((done) => { beFramed = done; });    // the page has all its controls
  frame.then(() => { framed = true; });

  function fresh() {
    return {
      page: null,         // "run", "compare", or null for any other
      run: null,          // id of the first run in the address
      view: null,         // what core.parseView reads in the address
      templates: null,    // what the server side made for `wanted`
      wanted: "",         // what they were made for, as text
      asked: null,        // the last question for them; `asking` is whether it is open
      asking: false,
      bodies: {},         // Run JSON by id
      gone: new Set(),    // ids that no run has
      alerts: [],         // of the run on its page
      forecast: null,     // of its entropy, as the diagnosis tells it
      pinned: [],         // its stretches under an override: [from, to or null]
      axes: {},           // run -> {step, x}, null for steps, false where the run has no such axis
      unit: [1, ""],      // of the axis of time
      zooms: {},          // panel -> [from, to], where panels are not synchronised
      touched: null,      // the panel that a person zoomed last
      visible: new Set(["tiles"]),
      drawn: {},          // panel -> what it was drawn from, as text
      filled: {},         // panel -> its figure
      sent: {},           // component -> the props it was last given, as text
      busy: false, again: false, ticks: 0,
      axesFor: "", alertVersion: undefined, overrideVersion: 0, reasonAt: null, sentReasons: null,
    };
  }

  const base = () => document.body.dataset.base;
  const runHref = (id) => `${base()}runs/${encodeURIComponent(id)}`;
  const domId = (id) => (typeof id === "string" ? id : JSON.stringify(id, Object.keys(id).sort()));

  // Give a component props, if it is on the page and they are new to it.
  function give(id, props, key = JSON.stringify(props)) {
    const name = domId(id), element = document.getElementById(name);
    if (!element || window.fadewatchBoard.dressed(element, props, key) || state.sent[name] === key) return;
    state.sent[name] = key;
    window.dash_clientside.set_props(id, props);
  }

  // Act now, or when the frame is there: what a person does before is not lost.
  const whenFramed = (act) => (framed ? act() : frame.then(act));

  // The same for plain elements that nothing else writes to: each component that is given props
  // costs a look at all of the page.
  function write(id, properties) {
    const element = document.getElementById(domId(id));
    for (const [name, value] of Object.entries(properties)) if (element && element[name] !== value) element[name] = value;
  }

  // The same for a store, which is nowhere on the page: as long as its neighbour is.
  function tell(id, data, neighbour) {
    const text = JSON.stringify(data);
    if (state.sent[id] === text || !document.getElementById(neighbour)) return;
    state.sent[id] = text;
    window.dash_clientside.set_props(id, { data });
  }

  class Refused extends Error {
    constructor(status) { super(`service answered ${status}`); this.status = status; }
  }

  async function ask(url) {
    const answer = await fetch(url, { credentials: "same-origin", cache: "no-cache" });
    if (answer.status === 401 && !window.fadewatchSettings.holding()) window.location.reload(); // the session is over: to the login
    if (!answer.ok) throw new Refused(answer.status);
    return answer;
  }

  let trouble = "", stream = ["", ""];
  function reachable(error) {
    if (error?.status === 401 && window.fadewatchSettings.holding()) return; // the first key was just made, and is still shown
    const text = error instanceof Refused ? error.message : "service not reachable";
    trouble = error ? (error.final ? error.message : `${text}, retrying`) : "";
    announce();
  }

  // What the stream of events says of itself; it goes before what a request said.
  function connection(words, tone) {
    stream = [words, tone];
    announce();
  }

  function announce() {
    const [words, tone] = stream[0] ? stream : [trouble, ""];
    give("offline", { children: words, className: words ? `offline ${tone}`.trim() : "hidden" });
  }

  function idsInView() {
    if (!state.view) return [];
    const ids = state.page === "compare" ? state.view.runs : [state.run, ...state.view.compare.filter((id) => id !== state.run)];
    return ids.filter((id) => !state.gone.has(id));
  }
  const lastStep = (id) => state.bodies[id]?.last_step ?? null;
  const version = (id) => { const run = state.bodies[id]; return run && [run.last_step, run.attempt, run.step_count]; };

  // ------------------------------------------------------------------ what a run is, in words
  async function readRuns() {
    const ended = (id) => ["finished", "failed"].includes(state.bodies[id]?.status);
    const ids = idsInView().filter((id) => id === state.run || !ended(id));
    await Promise.all(ids.map(async (id) => {
      try {
        state.bodies[id] = await (await ask(`/api/v1/runs/${encodeURIComponent(id)}`)).json();
      } catch (error) {
        if (error.status !== 404 || (id === state.run && state.page === "run")) throw error;
        state.gone.add(id); // a compared run may be gone
      }
    }));
  }

  // What figure templates depend on: the view, and facts of its runs as far as they are known.
  const question = () => ({ page: state.page, runs: idsInView(), dark: state.view.dark, ...(state.page === "compare" ? window.fadewatchCompare.chosen() : {}) });
  const hStar = (run) => (Number.isFinite(run.schedule?.h_star) ? run.schedule.h_star : null);
  const factsOf = (ids) => ids.map((id) => state.bodies[id]).filter(Boolean).map((run) => [run.id, run.name, run.group ?? null, run.metrics.length, hStar(run)]);

  // Ask the server side for templates when what they depend on has changed; the first time before
  // anything is known of a run.
  async function wantTemplates() {
    const asked = question(), facts = factsOf(asked.runs);
    if (state.asking || !asked.runs.length || (state.wanted && !facts.length)) return;
    if (JSON.stringify([asked, facts]) === state.wanted) return;
    Object.assign(state, { asked, asking: true });
    try {
      const made = await (await ask(`${base()}_fadewatch/templates?${core.query(asked)}`)).json();
      if (asked !== state.asked) return;
      state.wanted = JSON.stringify([asked, made.facts]);
      templates(made);
    } catch (error) {
      if (error.status !== 404) reachable(error); // the next tick asks again
    } finally {
      if (asked === state.asked) state.asking = false;
    }
    if (asked === state.asked && JSON.stringify(asked) !== JSON.stringify(question())) wantTemplates(); // the view changed meanwhile
  }

  // ------------------------------------------------------------------ where on the axis
  const axisOf = (run) => state.axes[run] || null;
  const zoomOf = (key) => (key === "tiles" ? null : state.zooms[key] || state.view.zoom);

  function windowFor(key, run) {
    const zoom = zoomOf(key);
    const steps = zoom && zoom.map((x) => core.unplace(axisOf(run), x));
    return core.windowOf(state.view.range, lastStep(run), steps);
  }

  // It counts in steps, and is for a run alone.
  const forecastOf = () => (state.view.axis === "step" && idsInView().length === 1 ? state.forecast : null);

  function shownFor(key) {
    if (zoomOf(key)) return zoomOf(key);
    const ends = idsInView().flatMap((id) => {
      if (lastStep(id) === null || state.axes[id] === false) return [];
      const { from, to } = windowFor(key, id);
      return [...core.place(axisOf(id), [from ?? 0, to ?? lastStep(id)])];
    });
    const first = ends.length ? Math.min(...ends) : 0, last = ends.length ? Math.max(...ends) : 1;
    const least = state.view.axis === "step" ? 10 : 1e-6;
    const end = key === "entropy" ? core.forecastEnd(forecastOf(), first, last) : last;
    return [first, Math.max(end + 0.02 * (last - first), first + least)];
  }

  // ------------------------------------------------------------------ drawing
  function figureOf(key) {
    if (key !== "tiles") return state.templates.panels[key]?.figure;
    const run = state.run;
    return { data: state.templates.tiles.map(({ metric }) => ({ meta: { run, metric } })) };
  }

  // Everything that a panel's picture depends on, as text.
  function dependsOn(key) {
    const { smooth, axis, log, step, at } = state.view;
    const alerts = state.regions ? window.fadewatchMarks.alertsFor(key).map(({ id, version }) => [id, version]) : [];
    const own = key === "pass_at_k" ? at : key === "schedule" ? [step, state.pinned] : key === "entropy" ? [step, state.forecast] : step;
    const versions = idsInView().map(version);
    const zoom = zoomOf(key) || state.view.range;
    return JSON.stringify([zoom, smooth, axis, log.includes(key), own, alerts, state.templates.serial, versions]);
  }

  function draw(key, series) {
    const text = dependsOn(key);
    if (key === "tiles") window.fadewatchShow.tiles(series[state.run] || {});
    else {
      const { smooth, axis, log, at } = state.view;
      const given = { series, smoothing: smooth, axes: state.axes, kind: axis, unit: state.unit, log: log.includes(key), at };
      const revision = JSON.stringify([zoomOf(key) || state.view.range, axis, given.log]);
      const steps = figureOf(key).layout.meta?.steps;
      const figure = core.fill(figureOf(key), given, shownFor(key), revision, steps && !steps.length ? undefined : window.fadewatchMarks.regions(key));
      state.filled[key] = figure;
      window.fadewatchGraphs.draw(key, figure);
      const section = document.getElementById(`panel-${key}`);
      if (section) Object.assign(section.dataset, { lastStep: newest(figure), runs: runsOf(figure).length });
    }
    state.drawn[key] = text;
  }

  const shown = (figure) => (figure?.data || []).filter((trace) => trace.visible !== false && trace.x.length > 0);
  const newest = (figure) => Math.max(-1, ...shown(figure).map((trace) => trace.x[trace.x.length - 1]));
  const runsOf = (figure) => [...new Set(shown(figure).map((trace) => trace.meta.run))];

  // ------------------------------------------------------------------ the loop
  const MARGIN = 120;          // pixels around what is in sight that are drawn too
  const observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const key = target.id.replace(/^panel-/, "");
      if (isIntersecting) state.visible.add(key); else state.visible.delete(key);
    }
    refresh();
  }, { rootMargin: `${MARGIN}px` });

  // The observer tells a frame later what is in sight; the first numbers are asked for at once.
  function watch() {
    for (const section of document.querySelectorAll("section[id^=panel-]")) {
      observer.observe(section);
      const { top, bottom } = section.getBoundingClientRect();
      if (section.offsetParent && bottom > -MARGIN && top < window.innerHeight + MARGIN) state.visible.add(section.id.replace(/^panel-/, ""));
    }
    state.drawn = Object.fromEntries(Object.entries(state.drawn).filter(([key]) => (key === "tiles" ? window.fadewatchBoard.isThere() : window.fadewatchGraphs.isDrawn(key))));
    applyTemplates();
  }

  const shownFirst = () => new Promise((done) => setTimeout(done, 0));

  async function refresh() {
    if (!state.page || !state.view || !state.templates || document.hidden) return;
    if (state.busy) { state.again = true; return; }
    state.busy = true;
    try {
      const before = state.run, made = state.templates.serial;
      await window.fadewatchNumbers.readAxes();
      const keys = Object.keys(state.templates.panels).filter((key) => state.templates.panels[key].figure);
      const wanted = Object.fromEntries([...keys, "tiles"].map((key) => [key, dependsOn(key)]));
      const todo = core.startingAt(state.touched, core.stale(wanted, state.visible, state.drawn));
      if (todo.length) {
        const [series] = await Promise.all([window.fadewatchNumbers.read(todo), window.fadewatchGraphs.plotly()]);
        reachable(null);
        for (const key of todo) {
          if (before !== state.run || made !== state.templates?.serial) break;
          if (dependsOn(key) !== wanted[key]) { state.again = true; break; } // moved on meanwhile
          draw(key, series[key] || {});
          await shownFirst(); // the first panels are to be seen while the others are drawn
        }
        window.fadewatchSync.arm();
      }
      if (!state.again) beSettled();
    } catch (error) {
      reachable(error);
      beSettled();
    } finally {
      state.busy = false;
    }
    if (state.again) { state.again = false; refresh(); }
  }

  async function tick(fired, sync, regions, follow) {
    Object.assign(state, { sync, regions, follow, ticks: state.ticks + 1 });
    if (!state.page || !state.view || document.hidden || state.reading) return;
    if (!follow && state.templates) { refresh(); return; }
    if (state.page === "compare" && state.templates && state.ticks % 3) return; // many runs
    if (fired && state.templates && !window.fadewatchEvents.take("page")) { window.fadewatchShow.run(); return; }
    state.reading = true;
    const before = state.run;
    try {
      await readRuns();
      reachable(null);
      if (before !== state.run) return;
      give("run-crumbs", { className: state.page === "run" ? "crumbs" : "hidden" });
      give("toolbar", { className: "toolbar" });
      wantTemplates(); // first: while the page is put together, its figures are made
      window.fadewatchShow.run();
      if (state.page === "run") await Promise.all([window.fadewatchNumbers.readAlerts(), window.fadewatchNumbers.readOverrides()]);
      else window.fadewatchCompare.show();
    } catch (error) {
      beSettled();
      if (error.status === 404 && state.page === "run") state.page = state.run = null; // the page says so
      else { reachable(error); window.fadewatchEvents.wake(["page"]); }
    } finally {
      state.reading = false;
    }
    window.fadewatchShow.reasonsIfOpen();
    if (!document.getElementById("page")) window.fadewatchDiagnosis.tick();
    refresh();
  }

  // ------------------------------------------------------------------ callbacks of the pages
  function open(page, runId, view) {
    const { sync, regions, follow } = state;
    const before = state.view;
    if (page !== state.page || (page === "run" && runId !== state.run)) Object.assign(state, fresh(), { sync, regions, follow });
    Object.assign(state, { page, run: runId, view });
    window.fadewatchBoard.keep(page === "run" ? runId : null);
    if (before && before.axis !== view.axis) Object.assign(state, { axes: {}, axesFor: "" });
    if (!page) return;
    tick(0, sync, regions, follow);
    wantTemplates();
    refresh();
  }

  function templates(made) {
    serial += 1;
    state.templates = { ...made, serial };
    if (!made.board) { applyTemplates(); return; }
    window.fadewatchBoard.make(made.board);
    watch();
    if (!document.getElementById("page")) window.fadewatchDiagnosis.tick(); // the clock is the frame's
  }

  function applyTemplates() {
    const made = state.templates;
    if (!made) return;
    for (const [key, panel] of Object.entries(made.panels)) {
      write({ section: key }, { className: panel.figure ? "panel" : "panel no-data" });
      if (panel.missing) write({ missing: key }, { textContent: panel.missing });
    }
    const several = made.runs.length > 1;
    give("legend", { children: several ? made.runs.map(window.fadewatchShow.legendEntry) : [], className: several ? "legend" : "hidden" });
    window.fadewatchMarks.headings();
    refresh();
  }

  // A page has been put on the screen: nothing of it has been given anything yet.
  function mounted() {
    observer.disconnect();
    window.fadewatchBoard.place();
    window.fadewatchGraphs.tidy();
    Object.assign(state, { sent: {}, visible: new Set(["tiles"]) });
    watch();
    window.fadewatchShow.run();
    window.fadewatchShow.tab();
    if (state.page === "run") window.fadewatchStep.show(state.view.step);
    window.fadewatchList.offer();
    if (state.page === "compare") window.fadewatchCompare.show();
    beFramed();
  }

  // A person has zoomed in a panel, or out.
  function zoomed(key, event) {
    const zoom = core.zoomIn(event);
    if (zoom === undefined || state.templates?.panels[key]?.figure?.layout.meta?.steps?.length === 0) return;
    state.touched = key;
    if (state.sync) {
      Object.assign(state, { zooms: {}, view: { ...state.view, zoom: zoom && zoom.map(Number) } });
      window.fadewatchShell.changeView({ zoom: state.view.zoom }, true);
    }
    else if (zoom) state.zooms[key] = zoom;
    else delete state.zooms[key];
    refresh();
  }

  document.addEventListener("visibilitychange", () => { if (!document.hidden) tick(0, state.sync, state.regions, state.follow); });

  window.fadewatchPage = { settled, whenFramed, open, domId, give, tell, ask, reachable, connection, refresh, runHref, base, state, idsInView, lastStep, windowFor, shownFor, figureOf, axisOf, forecastOf, applyTemplates, zoomed };
  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.fadewatch = { ...window.dash_clientside.fadewatch, tick, mounted, watch };

  // What tests and the curious may ask of the page.
  window.fadewatch = {
    lastStep: (key) => newest(state.filled[key]),
    points: (key) => shown(state.filled[key]).reduce((sum, trace) => sum + trace.x.length, 0),
    runs: (key) => runsOf(state.filled[key]),
    zoom: (key) => zoomOf(key),
    panels: () => Object.keys(state.filled),
  };
})();
