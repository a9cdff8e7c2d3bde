// The list of runs: read it, filter it, group it, and show it wherever it is.
(function () {
  "use strict";
  const core = window.fadewatchCore;
  const page = window.fadewatchPage;
  const { state, give } = page;
  const known = new Map();     // Run JSON by id
  const MOST = 2000;
  let reading = false, readAt = 0, complete = false;

  async function readAll() {
    let cursor = null;
    do {
      const query = new URLSearchParams({ limit: "100", ...(cursor ? { cursor } : {}) });
      const body = await (await page.ask(`/api/v1/runs?${query}`)).json();
      body.runs.forEach((run) => known.set(run.id, run));
      cursor = complete ? null : body.next_cursor; // newest activity is on the first page
    } while (cursor && known.size < MOST);
    complete = true;
  }

  async function listRuns() {
    const wait = state.page ? 4500 : 900;
    if (document.hidden || reading || Date.now() - readAt < wait) return;
    if (!window.fadewatchEvents.take("list")) { offer(); return; } // the ages go on
    reading = true;
    try {
      await readAll();
      readAt = Date.now();
      page.reachable(null);
      offer();
    } catch (error) {
      page.reachable(error);
      window.fadewatchEvents.wake(["list"]);
    } finally {
      reading = false;
    }
  }

  const filters = () => core.parseView(window.location.search, false);
  const newestFirst = () => [...known.values()].sort((a, b) => core.epoch(b.updated_at) - core.epoch(a.updated_at));

  // Show the runs wherever a list of them is.
  function offer() {
    if (!complete) return;
    const runs = newestFirst();
    give("recent", { children: runs.slice(0, 8).map(recentEntry) });
    give("compare", { data: choices(runs), maxValues: mostChosen(), placeholder: state.page === "compare" ? "Runs to compare" : "Compare with…" });
    if (!document.getElementById("runs-grid")) return;
    give("runs-empty", { className: runs.length ? "hidden" : "panel empty-state" });
    give("runs-table", { className: runs.length ? "panel runs-table" : "hidden" });
    offerFilters(runs);
    const now = Date.now() / 1000;
    const view = filters();
    const shown = core.fitting(runs, view);
    const rows = view.grouped ? grouped(shown, now) : shown.map((run) => row(run, now));
    give("runs-grid", { rowData: rows });
    give("runs-count", { children: shown.length === runs.length ? plural(runs.length) : `${shown.length} of ${plural(runs.length)}` });
    give("runs-health-line", { children: healthLine(runs, view), className: "health-line" });
  }

  const plural = (count) => (count === 1 ? "1 run" : `${core.count(count)} runs`);

  // Names need not be unique: those that are not are told apart by the end of the id.
  function choices(runs) {
    const times = new Map();
    for (const { name } of runs) times.set(name, (times.get(name) || 0) + 1);
    return runs.filter((run) => state.page !== "run" || run.id !== state.run)
      .map(({ id, name }) => ({ value: id, label: times.get(name) > 1 ? `${name} (${id.slice(-6)})` : name }));
  }

  function mostChosen() {
    const facts = document.body.dataset;
    return Number(state.page === "compare" ? facts.mostRuns : facts.most);
  }

  function recentEntry({ id, name, status, health }) {
    const { mark, word, tone } = health && health !== "unknown" && health !== "healthy" ? core.health(health) : core.status(status);
    const sign = window.fadewatchShow.h("Span", { className: `mark ${tone}`, title: word }, mark);
    return window.fadewatchShow.m("NavLink", {
      label: name, href: page.runHref(id), leftSection: sign, active: state.page === "run" && id === state.run,
      className: "recent", noWrap: true,
    });
  }

  // ------------------------------------------------------------------ rows
  const NUMBERS = ["accuracy", "entropy", "kl_k3", "grad_norm"];

  function row(run, now) {
    const last = run.last || {}, schedule = run.schedule || {};
    const numbers = Object.fromEntries(NUMBERS.map((name) => [name, core.toNumber(last[name])]));
    return {
      id: run.id, name: run.name, project: run.project, mode: run.mode, status: run.status, group: run.group || "",
      tags: (run.tags || []).join(", "), health: run.health || "unknown", open: run.open_alerts || null, headline: run.headline || "",
      step: run.last_step, ...numbers, alpha: core.toNumber(schedule.alpha), delta: core.toNumber(schedule.delta),
      age: Math.max(0, Math.round(now - core.epoch(run.updated_at))), created: core.epoch(run.created_at),
      "accuracy-course": run.step_count, "entropy-course": run.step_count,
    };
  }

  // One row a group, with mean and spread; runs without a group stay as they are.
  function grouped(runs, now) {
    const groups = new Map();
    for (const run of runs) {
      const key = run.group ? `${run.project} ${run.group}` : run.id;
      groups.set(key, [...(groups.get(key) || []), run]);
    }
    return [...groups.values()].map((members) => (members.length > 1 ? groupRow(members, now) : row(members[0], now)));
  }

  function groupRow(members, now) {
    const rows = members.map((run) => row(run, now));
    const of = (name) => core.meanAndInterval(rows.map((one) => one[name]).filter(Number.isFinite));
    const numbers = [...NUMBERS, "alpha", "delta"];
    const worst = rows.map(({ health }) => health).sort(core.byHealth)[0];
    return {
      ...rows[0], id: `group ${members[0].project} ${members[0].group}`, name: `${members[0].group} (${members.length} runs)`,
      members: members.map(({ id }) => id), health: worst, status: rows.some(({ status }) => status === "running") ? "running" : rows[0].status,
      step: Math.max(...rows.map(({ step }) => step ?? 0)), age: Math.min(...rows.map(({ age }) => age)),
      ...Object.fromEntries(numbers.map((name) => [name, of(name).mean])),
      spread: Object.fromEntries(NUMBERS.map((name) => [name, of(name).sd])),
    };
  }

  // ------------------------------------------------------------------ filters
  function offerFilters(runs) {
    const view = filters();
    const values = { project: runs.map((run) => run.project), status: runs.map((run) => run.status), tag: runs.flatMap((run) => run.tags || []), health: runs.map((run) => run.health || "unknown") };
    for (const [name, found] of Object.entries(values)) {
      const some = [...new Set([...found, ...view[name]])].sort(name === "health" ? core.byHealth : undefined);
      const word = (value) => (name === "status" ? core.status(value).word : value);
      give(`runs-${name}`, { data: some.map((value) => ({ value, label: word(value) })), className: `filter filter-${name}${some.length < 2 ? " hidden" : ""}` });
    }
    if (state.sent["filters set"]) return;
    state.sent["filters set"] = "1"; // once a page: from now on, a person sets them
    const set = (id, props) => window.dash_clientside.set_props(id, props);
    set("runs-search", { value: view.q });
    for (const name of ["project", "status", "health", "tag"]) set(`runs-${name}`, { value: view[name] });
    set("runs-grouped", { checked: view.grouped });
    if (view.cols.length) set("runs-columns", { value: view.cols });
  }

  function filterRuns(q, project, status, health, tag, grouped) {
    if (!state.sent["filters set"]) return;
    window.fadewatchShell.changeView({ q: q || "", project: project || [], status: status || [], health: health || [], tag: tag || [], grouped: Boolean(grouped) });
    offer();
  }

  // How many runs are how well, as filters to click; only where the service judges runs.
  function healthLine(runs, view) {
    const judged = runs.filter((run) => run.health && run.health !== "unknown");
    if (!judged.length) return [];
    return ["critical", "warning", "healthy"].map((name) => {
      const { mark, word, tone } = core.health(name);
      const count = judged.filter((run) => run.health === name).length;
      const on = view.health.includes(name);
      return window.fadewatchShow.h("Button", { className: `badge ${count ? tone : "calm"}${on ? " chosen" : ""}`, type: "button", "data-act": "health", "data-key": name, "aria-pressed": String(on) }, `${mark} ${count} ${word}`);
    });
  }

  function pickColumns(chosen, columns) {
    const wanted = new Set(chosen || []);
    if (state.sent["filters set"]) window.fadewatchShell.changeView({ cols: chosen || [] });
    const judged = [...known.values()].some((run) => run.health);
    return (columns || []).map((column) => ({ ...column, hide: column.field !== "name" && (!wanted.has(column.field) || (column.field === "health" && complete && !judged)) }));
  }

  function openCell(cell) {
    if (!cell || !cell.rowId || cell.colId === "name" || cell.colId === "ag-Grid-SelectionColumn") return;
    openRow(cell.rowId);
  }

  function openRow(id) {
    const [, project, group] = id.match(/^group (\S+) (.*)$/s) || [];
    if (group === undefined) { window.fadewatchShell.openRun(id); return; }
    const members = [...known.values()].filter((run) => run.project === project && run.group === group);
    window.fadewatchShell.openCompare(members.map((run) => run.id), { grouped: true });
  }

  const idsOf = (rows) => (rows || []).flatMap((one) => one.members || [one.id]);

  function selection(rows) {
    const count = idsOf(rows).length;
    const most = Number(document.body.dataset.mostRuns);
    const text = count > most ? `At most ${most} runs` : count ? `Compare selected (${count})` : "Compare selected";
    return [text, count < 2 || count > most];
  }

  function compareSelected(clicks, rows) {
    if (!clicks || idsOf(rows).length < 2) return;
    window.fadewatchShell.openCompare(idsOf(rows), { grouped: rows.some((one) => one.members) });
  }

  const names = () => new Map([...known.values()].map((run) => [run.id, run]));

  window.fadewatchList = { listRuns, offer, openRow, names, filters, reread: () => { readAt = 0; complete = false; window.fadewatchEvents.wake(["list"]); return listRuns(); } };
  window.dash_clientside.fadewatch = { ...window.dash_clientside.fadewatch, filterRuns, pickColumns, openCell, selection, compareSelected };
})();
