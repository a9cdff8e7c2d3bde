// The diagnosis of a run at the top of its page: the headline, what is open, what was not checked.
(function () {
  "use strict";
  const core = window.fadewatchCore;
  const page = window.fadewatchPage;
  const { give, ask, state } = page;
  const h = (...args) => window.fadewatchShow.h(...args);
  const FRESH_MS = 10_000;
  let readFor = "", readAt = 0, followed = "", reading = false;

  const place = () => document.getElementById("run-alerts");

  // Once a second: read and show it when alerts changed, or when steps came and it is old.
  async function tick() {
    const run = state.bodies[state.run];
    if (state.page !== "run" || !run || document.hidden || reading || !place()) return;
    reading = true;
    try {
      const denied = await window.fadewatchChange.may("control");
      const alerts = [run.id, run.alert_version, denied].join(" "), all = `${alerts} ${run.last_step}`;
      const fresh = place().childElementCount && (readFor === all || (readFor.startsWith(`${alerts} `) && Date.now() - readAt < FRESH_MS));
      if (!fresh) await read(run, denied, all);
    } catch (error) {
      page.reachable(error);
    } finally {
      reading = false;
    }
    followAlert();
  }

  async function read(run, denied, text) {
    const made = await (await ask(`/api/v1/runs/${encodeURIComponent(run.id)}/diagnosis`)).json();
    if (state.run !== run.id) return;
    readAt = Date.now();
    readFor = text;
    if (JSON.stringify(state.forecast) !== JSON.stringify(made.forecast)) { state.forecast = made.forecast; page.refresh(); }
    give("run-alerts", { children: block(made, run, denied) });
  }

  function block(made, run, denied) {
    const open = made.alerts.filter(core.isOpen).sort(core.byUrgency);
    const { mark, tone } = core.health(made.health);
    const lacking = made.coverage.filter(({ status }) => status !== "checked");
    return h("Section", { className: `panel diagnosis ${tone}`, "aria-label": "Diagnosis" },
      h("Div", { className: "diagnosis-head" },
        h("Span", { className: `alert-mark badge ${tone}`, "aria-hidden": "true" }, mark),
        h("Div", { className: "diagnosis-words" },
          h("H2", { className: "diagnosis-title" }, title(made, open)),
          h("P", { className: "diagnosis-text" }, made.paragraph), ...forecast(made.forecast))),
      ...open.map((alert) => window.fadewatchAlerts.card(alert, { denied, lastStep: run.last_step })),
      ...(denied && open.length ? [h("P", { className: "dimmed diagnosis-note" }, `Reading only: ${denied}`)] : []),
      coverage(made, lacking));
  }

  function title(made, open) {
    const word = { critical: "At risk", warning: "Watch out", healthy: "Healthy", unknown: "Not judged yet" }[made.health] || "Not judged yet";
    return open.length ? `${word}: ${core.openWords(core.countOf(open))}` : `${word}${made.headline ? `: ${made.headline}` : ""}`;
  }

  function forecast(found) {
    if (!found) return [];
    const to = found.latest === null ? "later" : core.count(Math.round(found.latest));
    return [h("P", { className: "diagnosis-text dimmed" }, `Forecast: entropy floor of ${core.number(found.floor)} nats at step `,
      h("B", {}, core.count(Math.round(found.step))), ` (${core.count(Math.round(found.earliest))} to ${to}).`)];
  }

  function coverage(made, lacking) {
    const all = made.coverage.length, checked = all - lacking.length;
    const words = `${checked} of ${all} checks could look${lacking.length ? `; ${lacking.length} could not, and why` : ""}`;
    const rows = lacking.map(({ detector, reason }) => h("Li", {}, h("B", {}, core.plain(detector)), `: ${reason.replace(/^not checked: /, "")}`));
    if (!rows.length) return h("P", { className: "dimmed diagnosis-note" }, `${words}.`);
    return h("Details", { className: "coverage" }, h("Summary", {}, words), h("Ul", {}, ...rows));
  }

  // Go to the evidence of the alert that the address names: the first panel that shows it.
  function followAlert() {
    const text = `${state.run} ${state.view?.alert}`;
    const alert = window.fadewatchAlerts.known.get(state.view?.alert) || state.alerts.find(({ id }) => id === state.view?.alert);
    if (state.view?.alert === null || followed === text || !alert || !state.templates?.panels) { if (state.view?.alert === null) followed = ""; return; }
    const panels = Object.entries(state.templates.panels).filter(([, panel]) => panel.figure && (panel.detectors || []).includes(alert.detector));
    const target = document.getElementById(panels.length ? `panel-${panels[0][0]}` : `alert-${alert.id}`);
    if (!target) return;
    followed = text;
    document.querySelector("section.followed")?.classList.remove("followed");
    target.classList.add("followed");
    target.scrollIntoView({ block: "center" });
  }

  // Read it again, also where no version says that it changed, as with a silence.
  const reread = () => { readFor = ""; return tick(); };

  window.fadewatchDiagnosis = { tick, reread };
})();
