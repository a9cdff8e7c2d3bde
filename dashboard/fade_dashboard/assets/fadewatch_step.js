// The raw advantage weights of the step that was clicked.
(function () {
  "use strict";
  const core = window.fadewatchCore;
  const page = window.fadewatchPage;
  const { state, give } = page;
  let shown = "";

  // Open the drawer at a step of the address; null closes it.
  function show(step) {
    if (!document.getElementById("page-run")) { shown = ""; return; } // asked again when it is there
    const text = step === null ? "" : `${state.run} ${step} ${state.view.dark}`;
    if (text === shown) return;
    shown = text;
    window.dash_clientside.set_props("step", { opened: step !== null });
    if (step !== null) read(state.run, step, text);
  }

  async function read(run, step, text) {
    give("step-title", { children: `Step ${core.count(step)}: raw advantage weights` });
    give("step-facts", { children: [] });
    give("step-note", { children: "Reading…" });
    let note, weights = null;
    try {
      weights = await (await page.ask(`/api/v1/runs/${encodeURIComponent(run)}/weights/${step}`)).json();
      const { prompts, group_size: size, sampled } = weights;
      note = `${core.count(prompts)} prompts × ${core.count(size)} rollouts${sampled ? ", a sample of whole groups" : ""}.`;
    } catch (error) {
      note = error.status === 404 ? "No raw weights were sent for this step: weights_every says which steps have them." : "The weights cannot be read now.";
    }
    await window.fadewatchGraphs.plotly();
    if (text !== shown) return;
    give("step-note", { children: note });
    draw(weights);
  }

  // The page's graphs load the library, some time after the page.
  function draw(weights) {
    const place = document.getElementById("step-plot");
    if (!place) return;
    if (!weights) { window.Plotly.purge(place); return; }
    const flat = (name) => weights[name].flat().map(Number);
    const rewards = flat("rewards"), advantages = flat("advantages");
    const middle = (Math.min(...rewards) + Math.max(...rewards)) / 2;
    const split = [advantages.filter((_, i) => rewards[i] > middle), advantages.filter((_, i) => !(rewards[i] > middle))];
    const { edges, counts } = core.histogram(split);
    give("step-facts", { children: facts(advantages, split) });
    window.Plotly.react(place, traces(edges, counts), layout(), { displayModeBar: false, responsive: true });
  }

  function traces(edges, counts) {
    const dark = state.view.dark;
    const style = [["higher reward", dark ? "#2BB58B" : "#009E73", ""], ["lower reward", dark ? "#EB7A2C" : "#D55E00", "/"]];
    const x = edges.slice(1).map((edge, i) => (edge + edges[i]) / 2);
    return style.map(([name, color, shape], i) => ({
      type: "bar", name, x, y: counts[i], width: edges[1] - edges[0], marker: { color, pattern: { shape, fillmode: "overlay", fgcolor: dark ? "#25262b" : "#ffffff", fgopacity: 0.6, size: 6 }, line: { width: 0 } },
      hovertemplate: "%{y:,d}",
    }));
  }

  function layout() {
    const ink = state.view.dark ? "#c9cdd2" : "#495057", grid = state.view.dark ? "rgba(255,255,255,.09)" : "rgba(0,0,0,.07)";
    const clear = "rgba(0,0,0,0)";
    return {
      barmode: "stack", bargap: 0.05, height: 280, paper_bgcolor: clear, plot_bgcolor: clear, hovermode: "x unified",
      font: { family: "Inter, 'Liberation Sans', system-ui, sans-serif", size: 11, color: ink }, margin: { l: 48, r: 8, t: 30, b: 40 },
      hoverlabel: { bgcolor: state.view.dark ? "#25262b" : "#ffffff", bordercolor: grid, font: { color: ink } },
      legend: { orientation: "h", x: 0, y: 1, yref: "container", yanchor: "top", bgcolor: clear, traceorder: "normal" },
      xaxis: { title: { text: "advantage weight A", standoff: 6 }, gridcolor: grid, zerolinecolor: grid, hoverformat: ".3g" },
      yaxis: { title: { text: "rollouts", standoff: 4 }, gridcolor: grid, zeroline: false },
    };
  }

  function facts(all, [higher, lower]) {
    const { h } = window.fadewatchShow;
    const size = Math.max(...all.map(Math.abs)); // below its rounding, a mean is nothing
    const mean = (values) => values.reduce((sum, v) => sum + v, 0) / (values.length || 1);
    const rows = [
      ["mean of A", mean(all)], ["m_S, mass on higher rewards", higher.reduce((s, v) => s + v, 0) / all.length],
      ["m_F, mass on lower rewards", -lower.reduce((s, v) => s + v, 0) / all.length],
      ["smallest A", Math.min(...all)], ["largest A", Math.max(...all)], ["share with A = 0", all.filter((v) => v === 0).length / all.length],
    ];
    return rows.map(([name, value]) => h("Div", { className: "fact" }, h("Span", { className: "dimmed" }, name), h("B", {}, core.number(Math.abs(value) < 1e-7 * size ? 0 : value))));
  }

  // A person closed the drawer: the address no longer names a step.
  function stepClosed(opened) {
    if (!opened && shown) { shown = ""; window.fadewatchShell.changeView({ step: null }); }
    if (opened && document.getElementById("step-plot")?.data) setTimeout(() => window.Plotly.Plots.resize("step-plot"), 250);
  }

  window.fadewatchStep = { show };
  window.dash_clientside.fadewatch = { ...window.dash_clientside.fadewatch, stepClosed };
})();
