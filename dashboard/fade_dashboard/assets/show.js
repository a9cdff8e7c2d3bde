// What a page says about a run, in words and small pictures. Text of runs is only ever children.
(function () {
  "use strict";
  const core = window.fadewatchCore;
  const { give, ask, runHref, state } = window.fadewatchPage;

  const component = (namespace) => (type, props = {}, ...children) =>
    ({ namespace, type, props: children.length ? { ...props, children } : props });
  const h = component("dash_html_components");
  const m = component("dash_mantine_components");

  function run() {
    const run = state.bodies[state.run];
    if (!run) return;
    const { mark, word, tone } = core.status(run.status);
    document.title = `${run.name} · Fadewatch`;
    give("crumb-project", { children: run.project });
    give("crumb-run", { children: run.name, title: run.name });
    give("run-badge", { children: [h("Span", { "aria-hidden": "true" }, mark), ` ${word}`], className: `badge ${tone}` });
    const seconds = Date.now() / 1000 - core.epoch(run.updated_at);
    const facts = [
      run.last_step === null ? "no step yet" : `step ${core.count(run.last_step)}`,
      run.attempt > 1 ? `attempt ${run.attempt}` : "",
      run.mode, `updated ${core.age(seconds)}`,
    ];
    give("run-facts", { children: facts.filter(Boolean).join("  ·  ") });
    const pinned = run.override ? [h("B", {}, "Override. ")] : [];
    give("schedule-reason", { children: [...pinned, run.schedule?.reason || ""], title: run.schedule?.reason || "" });
  }

  function tiles(series) {
    const made = state.templates.tiles.map((tile) => {
      const { step = [], value = [] } = series[tile.metric] || {};
      const kept = [...value.keys()].filter((i) => Number.isFinite(value[i]));
      const values = core.ema(Float64Array.from(kept, (i) => value[i]), state.view.smooth);
      const last = kept.length ? value[kept.at(-1)] : NaN;
      const picture = core.sparkline(values, tile.colour);
      return h("Div", { className: "panel tile", title: tile.about },
        h("Div", { className: "tile-title" }, tile.title),
        h("Div", { className: "tile-row" }, h("Div", { className: "tile-value" }, core.number(last, tile.form)),
          ...(picture ? [h("Img", { src: picture, alt: "" })] : [])),
        h("Div", { className: "tile-remark" }, core.remark(tile, values, kept.map((i) => step[i]))));
    });
    give("tiles", { children: made });
  }

  function legendEntry({ id, name, colour, dash }) {
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="30" height="8"><line x1="0" y1="4" x2="30" y2="4" ` +
      `stroke="${colour}" stroke-width="2.5" stroke-dasharray="${dash}"/></svg>`;
    return h("A", { href: runHref(id), className: "legend-entry" },
      h("Img", { src: `data:image/svg+xml,${encodeURIComponent(svg)}`, alt: "" }), h("Span", { title: name }, name));
  }

  async function reasons() {
    const run = state.bodies[state.run];
    if (!run || run.last_step === null || state.sentReasons === run.last_step) return;
    state.sentReasons = run.last_step;
    const from = Math.max(0, run.last_step - 18);
    const url = `/api/v1/runs/${encodeURIComponent(state.run)}/schedule/history?from=${from}&limit=50`;
    const { schedules } = await (await ask(url)).json();
    const rows = schedules.sort((a, b) => b.version - a.version).slice(0, 20).map((row) => h("Tr", {},
      h("Td", {}, core.count(row.step)), h("Td", {}, core.number(core.toNumber(row.alpha))),
      h("Td", {}, core.number(core.toNumber(row.delta))), h("Td", {}, row.source), h("Td", {}, row.reason)));
    give("reason-rows", { children: rows });
  }

  window.fadewatchShow = { h, m, run, tiles, legendEntry, reasons };
})();
