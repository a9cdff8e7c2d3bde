// Hovering one panel shows the same place in all the others; a click chooses its step.
(function () {
  "use strict";
  const core = window.fadewatchCore;
  const page = window.fadewatchPage;
  const { state } = page;
  let echo = false;
  const graphs = () => [...document.querySelectorAll("section[id^=panel-] .js-plotly-plot")].filter((g) => g._fullLayout);
  const keyOf = (graph) => graph.closest("section").id.replace(/^panel-/, "");
  const overSteps = (graph) => graph.layout?.meta?.steps?.length !== 0;

  function others(graph, act) {
    if (echo) return;
    echo = true;
    try {
      for (const other of graphs()) if (other !== graph && other.offsetParent && overSteps(other)) act(other);
    } finally {
      echo = false;
    }
  }

  // The heat map has no unified hover of its own that would fit: its side plots stay quiet.
  const plotsOf = (graph) => Object.keys(graph._fullLayout._plots).filter((name) => graph._fullLayout.hovermode === "x unified" || name === "xy");

  function arm() {
    for (const graph of graphs()) {
      if (graph.dataset.armed || !graph.on) continue;
      graph.dataset.armed = "1";
      graph.on("plotly_hover", (event) => hovered(graph, event));
      graph.on("plotly_unhover", () => { others(graph, (other) => window.Plotly.Fx.unhover(other)); window.fadewatchShow.reasonAt(null); });
      graph.on("plotly_click", (event) => clicked(graph, event));
    }
  }

  const stepAt = (x) => Math.round(core.unplace(page.axisOf(state.run), x));
  const onSteps = (graph, point) => overSteps(graph) && (point.xaxis?._id || "x") !== "x2";

  function hovered(graph, event) {
    const point = event.points?.[0];
    if (!point || !onSteps(graph, point)) return;
    if (keyOf(graph) === "schedule" && !echo) window.fadewatchShow.reasonAt(stepAt(point.x));
    if (!state.sync) return;
    others(graph, (other) => window.Plotly.Fx.hover(other, { xval: point.x }, plotsOf(other)));
  }

  function clicked(graph, event) {
    const point = event.points?.[0];
    if (!point || !onSteps(graph, point)) return;
    if (state.page === "run") window.fadewatchShell.changeView({ step: stepAt(point.x) });
    else window.fadewatchShell.changeView({ at: stepAt(point.x) });
  }

  window.fadewatchSync = { arm };
})();
