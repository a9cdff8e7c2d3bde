// What is marked in the panels of a run: its alerts, what was pinned, and the step that was clicked.
(function () {
  "use strict";
  const core = window.fadewatchCore;
  const page = window.fadewatchPage;
  const { state } = page;
  const SEVERITY = { critical: core.health("critical"), warning: core.health("warning"), info: { mark: "●", tone: "calm" } };

  // Alerts of the detectors that read what a panel shows.
  function alertsFor(key) {
    const detectors = state.templates?.panels[key]?.detectors || [];
    return state.alerts.filter(({ detector }) => detectors.includes(detector));
  }

  // Regions of a panel's figure, as shapes and their names.
  function regions(key) {
    const alone = state.page === "run";
    const at = (step) => core.place(page.axisOf(state.run), [step])[0];
    const ink = page.figureOf(key).layout.font.color, last = page.lastStep(state.run);
    const alerts = core.regions(state.regions ? alertsFor(key) : [], at, last, alone ? state.view.step : null, ink, page.shownFor(key));
    const more = !alone ? null : key === "schedule" ? core.overrideRegions(state.pinned, at, last, ink)
      : key === "entropy" ? core.forecastMarks(page.forecastOf(), last, core.toNumber(state.bodies[state.run]?.last?.entropy), ink) : null;
    return more ? { shapes: [...alerts.shapes, ...more.shapes], annotations: [...alerts.annotations, ...more.annotations] } : alerts;
  }

  // Open alerts in the headings of the panels that they are about.
  function headings() {
    const { h } = window.fadewatchShow;
    for (const key of Object.keys(state.templates?.panels || {})) {
      const open = alertsFor(key).filter((alert) => alert.state !== "resolved").slice(0, 3);
      page.give({ marks: key }, { children: open.map((alert) => {
        const { mark, tone } = SEVERITY[alert.severity] || SEVERITY.info;
        return h("Span", { className: `badge ${tone}`, title: alert.headline }, `${mark} A${alert.id}`);
      }) });
    }
  }

  window.fadewatchMarks = { alertsFor, regions, headings };
})();
