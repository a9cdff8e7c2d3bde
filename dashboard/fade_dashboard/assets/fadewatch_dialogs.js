// What a person does about an alert: acknowledge it with a note, or silence what it is about.
(function () {
  "use strict";
  const core = window.fadewatchCore;
  const page = window.fadewatchPage;
  const { send } = window.fadewatchChange;
  let about = null;   // the alert that a dialog is open for

  const set = (id, props) => window.dash_clientside.set_props(id, props);
  const what = (alert) => `A${alert.id}, ${core.plain(alert.detector)}: ${alert.cause}`;

  function open(dialog, id) {
    about = window.fadewatchAlerts.known.get(Number(id));
    if (!about) return;
    set(`${dialog}-what`, { children: what(about) });
    set(`${dialog}-problem`, { children: "" });
    set(`${dialog}-dialog`, { opened: true });
  }

  function ask(id) {
    set("ack-note", { value: "" });
    open("ack", id);
  }

  function askSilence(id) {
    const { detector, project } = window.fadewatchAlerts.known.get(Number(id)) || {};
    set("silence-reason", { value: "" });
    set("silence-scope", { data: [
      { value: "detector", label: `${core.plain(detector)} in this run` },
      { value: "run", label: "Everything in this run" },
      { value: "project", label: `${core.plain(detector)} in all of ${project}` },
    ], value: "detector" });
    open("silence", id);
  }

  async function settle(dialog, action) {
    try {
      await action();
    } catch (error) {
      set(`${dialog}-problem`, { children: core.capital(error.message) });
      return;
    }
    set(`${dialog}-dialog`, { opened: false });
    await window.fadewatchAlerts.reread();
  }

  function acknowledge(clicks, note) {
    if (!clicks || !about) return;
    settle("ack", () => send("POST", `/api/v1/alerts/${about.id}/ack`, { note: note?.trim() || null }));
  }

  function silence(clicks, scope, duration, reason) {
    if (!clicks || !about) return;
    if (!reason?.trim()) { set("silence-problem", { children: "Say why: others see the reason while it is silent." }); return; }
    const where = { detector: { run: about.run, detector: about.detector }, run: { run: about.run }, project: { project: about.project, detector: about.detector } }[scope];
    settle("silence", () => send("POST", "/api/v1/silences", { ...where, duration_s: Number(duration), reason: reason.trim() }));
  }

  async function takeBack(id) {
    await send("POST", `/api/v1/alerts/${id}/unack`);
    await window.fadewatchAlerts.reread();
  }

  window.fadewatchDialogs = { ask, askSilence, takeBack };
  window.dash_clientside.fadewatch = { ...window.dash_clientside.fadewatch, acknowledge, silence };
})();
