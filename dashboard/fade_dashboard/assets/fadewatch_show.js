// What a page says about a run, in words and small pictures. Text of runs is only ever children.
(function () {
  "use strict";
  const core = window.fadewatchCore;
  const { give, ask, runHref, reachable, state } = window.fadewatchPage;

  const component = (namespace) => (type, props = {}, ...children) =>
    ({ namespace, type, props: children.length ? { ...props, children } : props });
  const h = component("dash_html_components");
  const m = component("dash_mantine_components");
  const badge = ({ mark, word, tone }) => ({ children: [h("Span", { "aria-hidden": "true" }, mark), ` ${word}`], className: `badge ${tone}` });

  function run() {
    const run = state.bodies[state.run];
    if (!run || state.page !== "run") return;
    document.title = `${run.name} · Fadewatch`;
    give("crumb-project", { children: run.project });
    give("crumb-run", { children: run.name, title: run.name });
    give("run-badge", badge(core.status(run.status)));
    const at = core.epoch(run.updated_at);
    const facts = [
      run.last_step === null ? "no step yet" : `step ${core.count(run.last_step)}`,
      run.attempt > 1 ? `attempt ${run.attempt}` : "",
      run.mode, `updated ${core.age(Date.now() / 1000 - at)}`,
    ];
    give("run-facts", { children: facts.filter(Boolean).join("  ·  "), title: `${core.utc(at)}\n${core.local(at)}` });
    offerAxes([run]);
    if (!state.reasonAt) currentReason();
  }

  // Only axes that every run in view has can be chosen.
  function offerAxes(runs) {
    const some = runs.filter(Boolean);
    const tokens = some.length > 0 && some.every((one) => window.fadewatchNumbers.tokensOf(one));
    give("axis", { data: [
      { value: "step", label: "Step" }, { value: "tokens", label: "Tokens", disabled: !tokens }, { value: "time", label: "Time" },
    ] });
  }

  // ------------------------------------------------------------------ why the schedule is what it is
  function currentReason() {
    const run = state.bodies[state.run];
    const pinned = run?.override ? [h("B", {}, "Override. ")] : [];
    give("schedule-reason", { children: [...pinned, run?.schedule?.reason || ""], title: run?.schedule?.reason || "" });
  }

  const history = async (query) =>
    (await (await ask(`/api/v1/runs/${encodeURIComponent(state.run)}/schedule/history?${new URLSearchParams(query)}`)).json()).schedules;

  let hoverTimer = 0;
  // The reason at a step that the pointer is on; null for none, and for the newest again.
  function reasonAt(step) {
    state.reasonAt = step;
    clearTimeout(hoverTimer);
    if (step === null) { currentReason(); return; }
    hoverTimer = setTimeout(async () => {
      const found = await history({ from: Math.max(0, step - 1), to: step, limit: 2 }).catch(() => []);
      const row = found.at(-1);
      if (row && state.reasonAt === step) give("schedule-reason", { children: [h("B", {}, `Step ${core.count(row.step)}. `), row.reason], title: row.reason });
    }, 120);
  }

  async function reasons() {
    const run = state.bodies[state.run];
    if (!run || run.last_step === null) return;
    const zoom = state.view.step ?? (state.view.zoom ? Math.round(core.unplace(state.axes[run.id] || null, state.view.zoom[1])) : null);
    const to = Math.min(zoom ?? run.last_step + 1, run.last_step + 1);
    if (state.sentReasons === to) return;
    state.sentReasons = to;
    const found = await history({ from: Math.max(0, to - 19), to, limit: 50 });
    const rows = found.sort((a, b) => b.step - a.step || b.version - a.version).slice(0, 20).map((row) => h("Tr", {},
      h("Td", {}, core.count(row.step)), h("Td", {}, core.number(core.toNumber(row.alpha))),
      h("Td", {}, core.number(core.toNumber(row.delta))), h("Td", {}, row.source), h("Td", {}, row.reason)));
    give("reason-rows", { children: rows });
    give("reasons-note", { children: `The 20 steps up to step ${core.count(to)}. Click a step in a chart to see those before it.` });
  }

  const reasonsIfOpen = () => { if (document.getElementById("reason-rows")?.offsetParent) reasons().catch(reachable); };

  function openReasons() {
    state.sentReasons = null;
    window.dash_clientside.set_props("reasons", { opened: true });
    setTimeout(() => reasons().catch(reachable), 0);
  }

  // ------------------------------------------------------------------ tiles, legend, tabs
  function tiles(series) {
    const made = state.templates.tiles.map((tile) => {
      const { step = [], value = [] } = series[tile.metric] || {};
      const kept = [...value.keys()].filter((i) => Number.isFinite(value[i]));
      const steps = Float64Array.from(kept, (i) => step[i]);
      const values = core.ema(Float64Array.from(kept, (i) => value[i]), state.view.smooth, steps);
      const last = kept.length ? value[kept.at(-1)] : NaN;
      const picture = core.sparkline(values, tile.colour);
      return h("Div", { className: "panel tile", title: tile.about },
        h("Div", { className: "tile-title" }, tile.title),
        h("Div", { className: "tile-row" }, h("Div", { className: "tile-value" }, core.number(last, tile.form)),
          ...(picture ? [h("Img", { src: picture, alt: "" })] : [])),
        h("Div", { className: "tile-remark" }, core.remark(tile, values, steps)));
    });
    give("tiles", { children: made });
  }

  function legendEntry({ id, name, colour, dash, count }) {
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="30" height="8"><line x1="0" y1="4" x2="30" y2="4" ` +
      `stroke="${colour}" stroke-width="2.5" stroke-dasharray="${dash}"/></svg>`;
    const seeds = count > 1 ? [h("Span", { className: "dimmed" }, `${count} runs, mean and 95%`)] : [];
    return h("A", { href: runHref(id), className: "legend-entry" },
      h("Img", { src: `data:image/svg+xml,${encodeURIComponent(svg)}`, alt: "" }), h("Span", { title: name }, name), ...seeds);
  }

  // Show the part of the run's page that the address names.
  function tab() {
    const parts = [...document.querySelectorAll("#page-run > .part")];
    const wanted = parts.some((part) => part.id === `part-${state.view?.tab}`) ? state.view.tab : "health";
    for (const part of parts) part.hidden = part.id !== `part-${wanted}`;
    for (const one of document.querySelectorAll("#page-run [role=tab]")) {
      one.setAttribute("aria-selected", String(one.id === `tab-${wanted}`));
      one.tabIndex = one.id === `tab-${wanted}` ? 0 : -1;
    }
  }

  window.fadewatchShow = { h, m, badge, run, offerAxes, tiles, legendEntry, tab, reasonAt, reasonsIfOpen, openReasons };
})();
