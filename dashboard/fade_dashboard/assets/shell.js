// What every page shares: the address and the controls, the list of runs, copying a link.
(function () {
  "use strict";
  const core = window.fadewatchCore;
  const page = window.fadewatchPage;
  const DARK = "fadewatch-dark";
  const known = new Map();     // Run JSON by id
  let given = {};              // what the controls show, as far as the address knows
  let reading = false, readAt = 0, complete = false;

  function storedDark() {
    try { return localStorage.getItem(DARK) === "1"; } catch { return false; }
  }
  function storeDark(dark) {
    try { localStorage.setItem(DARK, dark ? "1" : "0"); } catch { /* a private window */ }
  }

  const runInPath = (pathname) => {
    const match = `/${pathname.slice(page.base().length)}`.match(/^\/runs\/([A-Za-z0-9][A-Za-z0-9_-]{0,63})\/?$/);
    return match ? match[1] : null;
  };

  // Address -> controls when the address changed; controls -> address when a control did.
  function address(pathname, search, compare, smooth, range, dark) {
    const same = window.dash_clientside.no_update;
    const from = window.dash_clientside.callback_context.triggered.map(({ prop_id }) => prop_id);
    const byAddress = !from.length || from.some((id) => id.startsWith("url.")) || from.every((id) => id === ".");
    const run = runInPath(pathname || "/");
    const shown = { ...(run ? { compare: compare || [], smooth, range } : {}), dark };
    const changed = byAddress ? {} : core.changes(shown, given);
    const view = { ...core.parseView(search, storedDark()), ...changed };
    given = byAddress ? view : { ...given, ...changed };
    if ("dark" in changed) storeDark(dark);
    page.open(run, view);
    const home = `${pathname || "/"}/`.startsWith(page.base()) && (pathname || "/").length <= page.base().length;
    page.give("nav-runs", { active: home });
    place(run, home);
    const scheme = view.dark ? "dark" : "light";
    document.documentElement.dataset.agThemeMode = scheme;
    const wanted = core.composeSearch(view, false);
    const controls = byAddress ? [view.compare, view.smooth, view.range, view.dark] : [same, same, same, same];
    const moved = Object.keys(changed).length > 0 && wanted !== (search || "");
    return [moved ? wanted : same, ...controls, scheme, view.smooth.toFixed(2)];
  }

  function place(run, home) {
    if (run) return; // shown with the first news of the run
    page.give("toolbar", { className: "hidden" });
    page.give("run-crumbs", { className: "hidden" });
    document.title = home ? "Runs · Fadewatch" : "Fadewatch";
  }

  async function readAll() {
    let cursor = null;
    do {
      const query = new URLSearchParams({ limit: "100", ...(cursor ? { cursor } : {}) });
      const body = await (await page.ask(`/api/v1/runs?${query}`)).json();
      body.runs.forEach((run) => known.set(run.id, run));
      cursor = complete ? null : body.next_cursor; // newest activity is on the first page
    } while (cursor && known.size < 2000);
    complete = true;
  }

  async function listRuns() {
    const wait = page.state.run ? 4500 : 1500;
    if (document.hidden || reading || Date.now() - readAt < wait) return;
    reading = true;
    try {
      await readAll();
      readAt = Date.now();
      page.reachable(null);
      offer();
    } catch (error) {
      page.reachable(error);
    } finally {
      reading = false;
    }
  }

  // Show the runs wherever a list of them is.
  function offer() {
    if (!complete) return;
    const now = Date.now() / 1000;
    const runs = [...known.values()].sort((a, b) => core.epoch(b.updated_at) - core.epoch(a.updated_at));
    page.give("recent", { children: runs.slice(0, 8).map(recentEntry) });
    page.give("compare", { data: runs.filter((run) => run.id !== page.state.run).map(({ id, name }) => ({ value: id, label: name })) });
    page.give("runs-empty", { className: runs.length ? "hidden" : "panel empty-state" });
    page.give("runs-table", { className: runs.length ? "panel runs-table" : "hidden" });
    if (document.getElementById("runs-grid")) page.give("runs-grid", { rowData: runs.map((run) => row(run, now)) });
    page.give("runs-count", { children: runs.length === 1 ? "1 run" : `${runs.length} runs` });
  }

  function recentEntry({ id, name, status }) {
    const { mark, word, tone } = core.status(status);
    const sign = window.fadewatchShow.h("Span", { className: `mark ${tone}`, title: word }, mark);
    return window.fadewatchShow.m("NavLink", {
      label: name, href: page.runHref(id), leftSection: sign, active: id === page.state.run,
      className: "recent", noWrap: true,
    });
  }

  function row(run, now) {
    const last = run.last || {}, schedule = run.schedule || {};
    return {
      id: run.id, name: run.name, project: run.project, mode: run.mode, status: run.status,
      step: run.last_step, accuracy: core.toNumber(last.accuracy), entropy: core.toNumber(last.entropy),
      alpha: core.toNumber(schedule.alpha), delta: core.toNumber(schedule.delta),
      age: Math.max(0, Math.round(now - core.epoch(run.updated_at))),
    };
  }

  function go(pathname, search) { window.dash_clientside.set_props("url", { pathname, search }); }
  const openRun = (id) => go(page.runHref(id), "");

  function openCell(cell) {
    if (cell && cell.rowId && cell.colId !== "name") openRun(cell.rowId);
  }

  function selection(rows) {
    const count = (rows || []).length;
    const most = Number(document.getElementById("shell-base").dataset.most) + 1;
    const text = count > most ? `At most ${most} runs` : count ? `Compare selected (${count})` : "Compare selected";
    return [text, count < 2 || count > most];
  }

  function compareSelected(clicks, rows) {
    if (!clicks || !rows || rows.length < 2) return;
    const [first, ...others] = rows.map(({ id }) => id);
    go(page.runHref(first), `?compare=${others.map(encodeURIComponent).join(",")}`);
  }

  const search = (text, options) => ({ ...options, quickFilterText: text || "" });
  const navbar = (opened, was) => ({ ...was, collapsed: { mobile: !opened } });
  const closeNavbar = () => false;

  async function copyLink(clicks) {
    if (!clicks) return window.dash_clientside.no_update;
    const field = document.createElement("textarea");
    field.value = window.location.href;
    document.body.append(field);
    field.select();
    const old = document.execCommand("copy"); // also where the page is not a secure context
    field.remove();
    if (!old) await navigator.clipboard.writeText(window.location.href);
    setTimeout(() => window.dash_clientside.set_props("copy", { children: "Copy link" }), 1500);
    return "Copied";
  }

  window.dash_clientside.fadewatch = {
    ...window.dash_clientside.fadewatch,
    address, listRuns, openCell, selection, compareSelected, search, navbar, closeNavbar, copyLink,
  };
  window.fadewatchShell = { openRun, offer };
})();
