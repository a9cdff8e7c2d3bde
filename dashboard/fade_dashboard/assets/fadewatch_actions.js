// Buttons that act in the browser alone: logarithmic axes, downloads, tabs, the sheet of keys.
(function () {
  "use strict";
  const core = window.fadewatchCore;
  const page = window.fadewatchPage;
  const { state } = page;

  function save(name, content, type) {
    const link = document.createElement("a");
    const blob = content instanceof Blob ? content : new Blob([content], { type });
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  const fileName = (what, end) => {
    const name = state.page === "run" ? state.bodies[state.run]?.name || state.run : "compare";
    return `${name.replace(/[^\w.-]+/g, "_").slice(0, 60)}${what ? `-${what.replace(/[^\w.-]+/g, "_")}` : ""}.${end}`;
  };

  // The points of panels as lines: panel, run, metric, step, value.
  async function numbersOf(keys) {
    const series = await window.fadewatchNumbers.read(keys);
    const rows = keys.flatMap((key) => Object.entries(series[key] || {}).flatMap(([run, metrics]) =>
      Object.entries(metrics).flatMap(([metric, { step, value }]) =>
        [...step].map((s, i) => [key, state.bodies[run]?.name || run, run, metric, s, value[i]]))));
    return core.csv(["panel", "name", "run", "metric", "step", "value"], rows);
  }

  const drawnKeys = () => Object.keys(state.templates?.panels || {}).filter((key) => state.templates.panels[key].figure);
  const graphOf = (key) => document.getElementById(`panel-${key}`)?.querySelector(".js-plotly-plot");
  const paper = () => (state.view.dark ? "#25262b" : "#ffffff");

  async function picture(key) {
    const graph = graphOf(key);
    if (!graph?.data?.length) return;
    const { clientWidth: width, clientHeight: height } = graph;
    const url = await window.Plotly.toImage({ data: graph.data, layout: { ...graph.layout, paper_bgcolor: paper() } }, { format: "png", scale: 2, width, height });
    save(fileName(key, "png"), await (await fetch(url)).blob());
  }

  async function pictures() {
    for (const key of drawnKeys()) if (state.filled[key]) await picture(key);
  }

  // One file that needs nothing else: the figures as they are, and the library that draws them.
  async function asHtml() {
    const source = document.querySelector("script[src*='/plotly.js?']").src;
    const library = await (await fetch(source)).text();
    const titles = (key) => document.getElementById(`panel-${key}`)?.getAttribute("aria-label") || key;
    const plain = (value) => (ArrayBuffer.isView(value) ? Array.from(value, (v) => (Number.isFinite(v) ? v : null)) : value);
    const figures = drawnKeys().filter((key) => state.filled[key]).map((key) => ({ title: titles(key), data: state.filled[key].data, layout: { ...state.filled[key].layout, height: 280 } }));
    const data = JSON.stringify(figures, (_, value) => plain(value)).replace(/</g, "\\u003c");
    const title = escape(document.title), ink = state.view.dark ? "#c9cdd2" : "#212529";
    const style = `body{font:14px system-ui,sans-serif;margin:16px;background:${paper()};color:${ink}}main{display:grid;grid-template-columns:repeat(auto-fill,minmax(420px,1fr));gap:16px}h2{font-size:14px;margin:0}`;
    const draw = "for(const f of JSON.parse(document.getElementById('figures').textContent)){const s=document.createElement('section'),h=document.createElement('h2'),d=document.createElement('div');h.textContent=f.title;s.append(h,d);document.querySelector('main').append(s);Plotly.newPlot(d,f.data,f.layout,{displaylogo:false,responsive:true,plotlyServerURL:'',showSendToCloud:false})}";
    const end = "</" + "script>";
    return `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>${title}</title><style>${style}</style><script>${library.replace(/<\/script/gi, "<\\/script")}${end}</head>` +
      `<body><h1>${title}</h1><p>${core.utc(Date.now() / 1000)}</p><main></main><script type="application/json" id="figures">${data}${end}<script>${draw}${end}</body></html>`;
  }

  const escape = (text) => text.replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);

  function toggleLog(key) {
    const on = new Set(state.view.log);
    if (!on.delete(key)) on.add(key);
    window.fadewatchShell.changeView({ log: [...on] });
  }

  function chooseHealth(name) {
    const { health } = window.fadewatchList.filters();
    const chosen = health.includes(name) ? health.filter((one) => one !== name) : [...health, name];
    window.dash_clientside.set_props("runs-health", { value: chosen });
  }

  const everything = () => { window.location.href = `/api/v1/runs/${encodeURIComponent(state.run)}/export?format=csv`; };

  const ACTIONS = {
    log: toggleLog,
    csv: async (key) => save(fileName(key, "csv"), await numbersOf([key]), "text/csv"),
    png: picture,
    tab: (key) => window.fadewatchShell.changeView({ tab: key }),
    reasons: () => window.fadewatchShow.openReasons(),
    help: () => window.fadewatchKeys.help(),
    health: chooseHealth,
    import: () => window.fadewatchImport.choose(),
    "import-example": () => window.fadewatchImport.example(),
    "export-csv": async () => save(fileName("", "csv"), await numbersOf(drawnKeys()), "text/csv"),
    "export-all": everything,
    "export-png": pictures,
    "export-html": async () => save(fileName("", "html"), await asHtml(), "text/html"),
    "config-csv": () => save(fileName("settings", "csv"), window.fadewatchCompare.configCsv(), "text/csv"),
    ack: (id) => window.fadewatchDialogs.ask(id),
    unack: (id) => window.fadewatchDialogs.takeBack(id),
    silence: (id) => window.fadewatchDialogs.askSilence(id),
    "alerts-more": () => window.fadewatchAlerts.more(),
    nudge: (key) => window.fadewatchSteering.nudge(key),
    pin: () => window.fadewatchSteering.pin(),
    "key-kept": () => window.fadewatchSettings.kept(),
    "key-revoke": (id) => window.fadewatchSettings.revoke(id),
    "sink-test": (id) => window.fadewatchSettings.testSink(id),
    "sink-delete": (id) => window.fadewatchSettings.deleteSink(id),
    release: () => window.fadewatchSteering.release(),
    "runs-csv": () => window.dash_clientside.set_props("runs-grid", { exportDataAsCsv: true }),
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-act]");
    for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target) || button) menu.open = false;
    if (!button) return;
    const { act, key } = button.dataset;
    Promise.resolve(page.whenFramed(() => ACTIONS[act](key))).catch(page.reachable);
  });

  // Show which switches among the buttons are on.
  function press() {
    for (const button of document.querySelectorAll("[data-act=log]")) {
      button.setAttribute("aria-pressed", String(Boolean(state.view?.log.includes(button.dataset.key))));
    }
  }

  window.fadewatchActions = { press, toggleLog };
})();
