// Pure functions: the forecast of the entropy as marks in its figure.
(function (root) {
  "use strict";
  const core = (root.fadewatchCore ||= {});
  const ROOM = 0.25; // most of the axis, as a share of what is known, that is given to the future

  const latestOf = ({ step, latest }) => latest ?? step;

  // Where the axis ends so that a forecast is seen: a far one only begins there.
  function forecastEnd(forecast, first, last) {
    if (!forecast || !(latestOf(forecast) > last)) return last;
    return Math.min(latestOf(forecast), last + ROOM * (last - first));
  }

  // From where the entropy is to its floor: the likely course, the earliest and latest ones, the floor.
  function forecastMarks(forecast, lastStep, entropy, ink) {
    if (!forecast || !Number.isFinite(entropy) || !(latestOf(forecast) > lastStep)) return { shapes: [], annotations: [] };
    const { floor, step, earliest } = forecast, colour = "#CC79A7";
    const start = `M ${lastStep},${entropy}`, to = (x) => `L ${Math.max(x, lastStep)},${floor}`;
    const axes = { xref: "x", yref: "y" };
    return {
      shapes: [
        { type: "path", path: `${start} ${to(earliest ?? step)} ${to(latestOf(forecast))} Z`, fillcolor: colour, opacity: 0.25, line: { width: 0 }, layer: "below", ...axes },
        { type: "path", path: `${start} ${to(step)}`, line: { color: colour, width: 2, dash: "dash" }, ...axes },
        { type: "line", x0: 0, x1: 1, y0: floor, y1: floor, line: { color: "#D55E00", width: 1.2, dash: "dot" }, xref: "x domain", yref: "y" },
      ],
      annotations: [{ x: 0, y: floor, xref: "x domain", yref: "y", xanchor: "left", yanchor: "bottom", xshift: 3, showarrow: false, text: `floor ${core.number(floor)}`, font: { size: 10, color: ink } }],
    };
  }

  Object.assign(core, { forecastEnd, forecastMarks });
})(typeof window === "undefined" ? globalThis : window);
