// Pure functions: small figures of one answer each, {data, layout} for plotly.
(function (root) {
  "use strict";
  const core = (root.fadewatchCore ||= {});
  const FONT = "Inter, 'Liberation Sans', system-ui, sans-serif";
  const COLOURS = {
    light: { ink: "#495057", grid: "rgba(0,0,0,.07)", ground: "#ffffff", green: "#009E73", vermilion: "#D55E00", blue: "#0072B2", orange: "#E69F00", purple: "#CC79A7", sky: "#56B4E9", grey: "#868e96" },
    dark: { ink: "#c9cdd2", grid: "rgba(255,255,255,.09)", ground: "#25262b", green: "#2BB58B", vermilion: "#EB7A2C", blue: "#4DA3E0", orange: "#E69F00", purple: "#CC79A7", sky: "#56B4E9", grey: "#868e96" },
  };
  const colours = (dark) => COLOURS[dark ? "dark" : "light"];

  function layout(dark, more) {
    const { ink, grid, ground } = colours(dark);
    const clear = "rgba(0,0,0,0)";
    const axes = Object.fromEntries(Object.entries(more).filter(([name]) => /^[xy]axis/.test(name)).map(([name, axis]) => [name, {
      gridcolor: grid, zerolinecolor: grid, linecolor: grid, hoverformat: ",.3~g", ...axis,
    }]));
    return {
      paper_bgcolor: clear, plot_bgcolor: clear, hovermode: "x unified", font: { family: FONT, size: 11, color: ink },
      margin: { l: 52, r: 10, t: 30, b: 36 }, hoverlabel: { bgcolor: ground, bordercolor: grid, font: { color: ink } },
      legend: { orientation: "h", x: 0, y: 1, yref: "container", yanchor: "top", bgcolor: clear }, ...more, ...axes,
    };
  }

  const numbers = (values) => values.map((value) => { const x = core.toNumber(value); return Number.isFinite(x) ? x : null; });
  const below = (values) => values.map((value) => (value === null ? null : -value));

  function line(name, x, y, color, dash, symbol, more = {}) {
    return { type: "scatter", mode: x.length > 60 ? "lines" : "lines+markers", name, x, y, line: { color, width: 2, dash }, marker: { color, symbol, size: 6 }, hovertemplate: "%{y:.3~g}", ...more };
  }

  // Masses of the newest batches, as they were and as a pair would make them.
  function previewFigure({ batches }, dark) {
    const { green, vermilion, blue } = colours(dark);
    const steps = batches.map(({ step }) => step);
    const column = (name) => numbers(batches.map((batch) => batch[name]));
    const ratio = { yaxis: "y2", xaxis: "x" };
    return {
      data: [
        line("m<sub>S</sub> recorded", steps, column("mass_success"), green, "solid", "circle"),
        line("m<sub>S</sub> with the change", steps, column("new_mass_success"), green, "dash", "circle-open"),
        line("−m<sub>F</sub> recorded", steps, below(column("mass_failure")), vermilion, "solid", "diamond"),
        line("−m<sub>F</sub> with the change", steps, below(column("new_mass_failure")), vermilion, "dash", "diamond-open"),
        line("m<sub>S</sub>/m<sub>F</sub> recorded", steps, column("sign_ratio"), blue, "solid", "square", ratio),
        line("m<sub>S</sub>/m<sub>F</sub> with the change", steps, column("new_sign_ratio"), blue, "dash", "square-open", ratio),
      ],
      layout: layout(dark, {
        height: 330, margin: { l: 52, r: 10, t: 58, b: 36 },
        xaxis: { title: { text: "step", standoff: 6 }, anchor: "y2", tickformat: ",d" },
        yaxis: { domain: [0.42, 1], title: { text: "mass", standoff: 4 }, zeroline: true },
        yaxis2: { domain: [0, 0.32], title: { text: "m<sub>S</sub>/m<sub>F</sub>", standoff: 4 }, rangemode: "tozero" },
      }),
    };
  }

  const HUES = ["blue", "orange", "green", "purple", "vermilion", "sky"];
  const DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"];
  const SYMBOLS = ["circle", "diamond", "square", "triangle-up", "cross", "star"];

  // Masses of several methods over steps: what was recorded in grey, each other in its own style.
  function whatIfFigure({ steps, recorded, methods }, name, dark) {
    const found = colours(dark);
    const other = Object.entries(methods).map(([method, masses], i) =>
      line(method, steps, numbers(masses[name]), found[HUES[i % 6]], DASHES[i % 6], SYMBOLS[i % 6]));
    const real = line("recorded", steps, numbers(recorded[name]), found.grey, "solid", "circle", { line: { color: found.grey, width: 4 }, opacity: 0.6 });
    const title = name === "mass_success" ? "m<sub>S</sub>" : "m<sub>F</sub>";
    return {
      data: [real, ...other],
      layout: layout(dark, { height: 300, margin: { l: 52, r: 10, t: 46, b: 36 }, xaxis: { title: { text: "step", standoff: 6 }, tickformat: ",d" }, yaxis: { title: { text: title, standoff: 4 }, rangemode: "tozero" } }),
    };
  }

  // Masses of a method over the solve rate.
  function curveFigure({ solve_rate: rates, mass_success: success, mass_failure: failure }, dark) {
    const { green, vermilion } = colours(dark);
    return {
      data: [
        line("m<sub>S</sub>, on solved answers", rates, numbers(success), green, "solid", "circle"),
        line("m<sub>F</sub>, on failed answers", rates, numbers(failure), vermilion, "dash", "diamond"),
      ],
      layout: layout(dark, { height: 300, xaxis: { title: { text: "solve rate of the prompt", standoff: 6 }, tickformat: ".0%" }, yaxis: { title: { text: "mass", standoff: 4 }, rangemode: "tozero" } }),
    };
  }

  Object.assign(core, { previewFigure, whatIfFigure, curveFigure });
})(typeof window === "undefined" ? globalThis : window);
