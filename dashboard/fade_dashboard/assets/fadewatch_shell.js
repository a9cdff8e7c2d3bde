// What every page shares: the address and the controls, and getting from page to page.
(function () {
  "use strict";
  const core = window.fadewatchCore;
  const page = window.fadewatchPage;
  const { state } = page;
  const DARK = "fadewatch-dark";
  const NAVIGATED = "_dashprivate_pushstate"; // what dcc.Location listens to
  const PLACES = ["compare", "alerts", "settings"];
  const TITLES = { runs: "Runs", compare: "Compare", alerts: "Alerts", settings: "Settings" };
  const LEISURE_MS = 400;
  let given = {};              // what the controls show, as far as the address knows
  let telling = 0;

  function storedDark() {
    try { return localStorage.getItem(DARK) === "1"; } catch { return false; }
  }
  function storeDark(dark) {
    try { localStorage.setItem(DARK, dark ? "1" : "0"); } catch { /* a private window */ }
  }

  const firstMetrics = () => document.body.dataset.first.split(",");

  // Which page a path is: [page, run].
  function placeOf(pathname) {
    const rest = `/${(pathname || "/").slice(page.base().length)}`.replace(/(.)\/$/, "$1");
    if (rest === "/") return ["runs", null];
    if (PLACES.includes(rest.slice(1))) return [rest.slice(1), null];
    const match = rest.match(/^\/runs\/([A-Za-z0-9][A-Za-z0-9_-]{0,63})$/);
    return match ? ["run", match[1]] : ["other", null];
  }

  // Address -> controls when the address changed; controls -> address when a control did. The
  // address itself is newer than what Dash knows of it.
  function address(pathname, known, ...values) {
    const same = window.dash_clientside.no_update, { search } = window.location;
    const from = window.dash_clientside.callback_context.triggered.map(({ prop_id }) => prop_id);
    const byAddress = !from.length || from.some((id) => id.startsWith("url.")) || from.every((id) => id === ".");
    const [place, run] = placeOf(pathname);
    const names = ["runs", "axis", "range", "smooth", "dark", "view", "grouped", "baseline", "metrics"];
    if (place === "run") names[0] = "compare";
    const shown = Object.fromEntries(names.map((name, i) => [name, values[i] ?? (Array.isArray(given[name]) ? [] : "")]));
    const used = { run: ["compare", "axis", "range", "smooth", "dark"], compare: names }[place] || ["dark"];
    const changed = byAddress ? {} : core.changes(Object.fromEntries(used.map((name) => [name, shown[name]])), given);
    const view = { ...core.parseView(search, storedDark()), ...changed };
    if ("axis" in changed) view.zoom = null; // it was in the other unit
    if (!view.metrics.length) view.metrics = firstMetrics();
    given = byAddress ? { ...view } : { ...given, ...changed };
    if ("dark" in changed) storeDark(view.dark);
    page.open(place === "run" || place === "compare" ? place : null, run || (place === "compare" ? view.runs[0] || null : null), view);
    dress(place, view);
    const wanted = compose(view);
    const moved = Object.keys(changed).length > 0 && wanted !== search;
    // each that is given something costs a look at all of the page
    const controls = names.map((name) => (byAddress && JSON.stringify(view[name]) !== JSON.stringify(shown[name]) ? view[name] : same));
    return [moved ? wanted : same, ...controls, view.dark ? "dark" : "light", view.smooth.toFixed(2)];
  }

  function compose(view) {
    const usual = JSON.stringify(view.metrics) === JSON.stringify(firstMetrics());
    return core.composeSearch(usual ? { ...view, metrics: [] } : view, false);
  }

  function dress(place, view) {
    document.documentElement.dataset.agThemeMode = view.dark ? "dark" : "light";
    document.body.dataset.page = place;
    for (const name of Object.keys(TITLES)) page.give(`nav-${name}`, { active: place === name });
    page.give("compare-tools", { className: place === "compare" ? "toolbar" : "hidden" });
    page.give("export", { className: place === "run" || place === "compare" ? "menu" : "hidden" });
    if (place !== "run") page.give("run-crumbs", { className: "hidden" });
    if (place !== "run") document.title = place in TITLES ? `${TITLES[place]} · Fadewatch` : "Fadewatch";
    if (place === "compare") page.give("toolbar", { className: "toolbar" });
    else if (place !== "run") page.give("toolbar", { className: "hidden" });
    if (place === "run") { window.fadewatchShow.tab(); window.fadewatchStep.show(view.step); }
    if (place === "runs") window.fadewatchList.offer();
    window.fadewatchEvents.wake();
    window.fadewatchActions.press();
  }

  // Another view of the same page, in the address too; without an entry in the history. A view that
  // is shown already can wait for the frame to be told: that takes as long as drawing some panels.
  function changeView(patch, isShown = false) {
    const search = compose({ ...viewNow(), ...(state.view || {}), ...patch });
    if (search === window.location.search) return;
    window.history.replaceState(window.history.state, "", window.location.pathname + search + window.location.hash);
    clearTimeout(telling);
    if (isShown) telling = setTimeout(tell, LEISURE_MS);
    else tell();
  }

  const tell = () => window.dispatchEvent(new CustomEvent(NAVIGATED));

  function go(pathname, search) {
    window.history.pushState(null, "", pathname + search);
    tell();
  }
  const openRun = (id) => go(page.runHref(id), "");
  const openCompare = (ids, more = {}) =>
    go(`${page.base()}compare`, core.composeSearch({ ...core.parseView("", false), runs: ids, ...more }, false));

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

  window.dash_clientside.fadewatch = { ...window.dash_clientside.fadewatch, address, navbar, closeNavbar, copyLink };
  const viewNow = () => core.parseView(window.location.search, storedDark());

  window.fadewatchShell = { placeOf, viewNow, changeView, go, openRun, openCompare };
})();
