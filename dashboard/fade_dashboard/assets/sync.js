// Hovering one panel shows the same step in all the others.
(function () {
  "use strict";
  let echo = false;
  const graphs = () => [...document.querySelectorAll("section[id^=panel-] .js-plotly-plot")].filter((g) => g._fullLayout);

  function others(graph, act) {
    if (echo) return;
    echo = true;
    try {
      for (const other of graphs()) if (other !== graph && other.offsetParent) act(other);
    } finally {
      echo = false;
    }
  }

  function arm(state) {
    for (const graph of graphs()) {
      if (graph.dataset.armed || !graph.on) continue;
      graph.dataset.armed = "1";
      graph.on("plotly_hover", (event) => {
        if (!state.sync || !event.points?.length) return;
        const xval = event.points[0].x;
        others(graph, (other) => window.Plotly.Fx.hover(other, { xval }, Object.keys(other._fullLayout._plots)));
      });
      graph.on("plotly_unhover", () => others(graph, (other) => window.Plotly.Fx.unhover(other)));
    }
  }

  window.fadewatchSync = { arm };
})();
