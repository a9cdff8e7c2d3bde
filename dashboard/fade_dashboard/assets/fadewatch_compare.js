// The page that compares: what to ask for, and which settings differ.
(function () {
  "use strict";
  const core = window.fadewatchCore;
  const page = window.fadewatchPage;
  const { state, give } = page;

  // What the templates depend on, beside the runs.
  const chosen = () => ({
    metrics: state.view.metrics, arrangement: state.view.view, grouped: state.view.grouped, baseline: state.view.baseline,
  });

  function show() {
    if (state.page !== "compare" || !document.getElementById("compare-body")) return;
    const ids = page.idsInView();
    give("compare-empty", { className: ids.length ? "hidden" : "panel empty-state" });
    give("compare-body", { className: ids.length ? `view-${state.view.view}` : "hidden" });
    page.tell("compare-metrics", state.view.metrics, "compare-panels");
    const runs = ids.map((id) => state.bodies[id]).filter(Boolean);
    give("baseline", { data: runs.map(({ id, name }) => ({ value: id, label: name })), className: state.view.view === "difference" ? "baseline" : "baseline hidden" });
    give("grouped", { disabled: state.view.view === "difference" || !runs.some((run) => run.group) });
    window.fadewatchShow.offerAxes(runs);
    if (state.view.at !== null) give("pass-step", { value: state.view.at });
    give("config-table", { children: table(runs) });
  }

  const write = (value) => (value === undefined ? "–" : typeof value === "string" ? value : JSON.stringify(value));

  function table(runs) {
    const { h } = window.fadewatchShow;
    const rows = core.differing(runs.map(({ config, mode }) => ({ ...config, mode })));
    if (runs.length < 2) return h("P", { className: "dimmed" }, "Choose at least two runs.");
    if (!rows.length) return h("P", { className: "dimmed" }, "All settings are the same.");
    const head = h("Tr", {}, h("Th", { scope: "col" }, "Setting"), ...runs.map((run) => h("Th", { scope: "col", title: run.name }, run.name)));
    const body = rows.map(({ key, values }) => h("Tr", {}, h("Th", { scope: "row" }, key), ...values.map((value) => h("Td", { title: write(value) }, write(value)))));
    return h("Table", { className: "reasons configs" }, h("Thead", {}, head), h("Tbody", {}, ...body));
  }

  function configCsv() {
    const runs = page.idsInView().map((id) => state.bodies[id]).filter(Boolean);
    const rows = core.differing(runs.map(({ config, mode }) => ({ ...config, mode })));
    return core.csv(["setting", ...runs.map(({ name }) => name)], rows.map(({ key, values }) => [key, ...values.map(write)]));
  }

  function passStep(at) {
    if (state.page === "compare") window.fadewatchShell.changeView({ at: Number.isFinite(at) ? at : null });
  }

  window.fadewatchCompare = { chosen, show, configCsv };
  window.dash_clientside.fadewatch = { ...window.dash_clientside.fadewatch, passStep };
})();
