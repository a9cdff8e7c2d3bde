// Alerts as cards, wherever they are; the page of all alerts; how many are open.
(function () {
  "use strict";
  const core = window.fadewatchCore;
  const page = window.fadewatchPage;
  const { give, ask, state } = page;
  const h = (...args) => window.fadewatchShow.h(...args);
  const LIMIT = 50;
  const known = new Map();       // alerts on the screen by id
  let shown = [], further = false, shownFor = "", reading = false, denied = "", pages = 1;

  const SEVERITY = { critical: core.health("critical"), warning: core.health("warning"), info: { mark: "●", word: "info", tone: "calm" } };
  const severity = (name) => SEVERITY[name] || SEVERITY.info;
  const button = (word, act, id, what) => h("Button", { className: "button", type: "button", "data-act": act, "data-key": String(id), "aria-label": what }, word);

  // ------------------------------------------------------------------ a card
  function badges(alert) {
    const { tone, word } = severity(alert.severity);
    const made = [h("Span", { className: `badge ${tone}` }, `A${alert.id} · ${word}`)];
    if (alert.state !== "firing") made.push(h("Span", { className: `badge ${alert.state === "resolved" ? "good" : "calm"}` }, alert.state));
    if (alert.silenced) made.push(h("Span", { className: "badge calm" }, "silenced"));
    return made;
  }

  function facts(alert) {
    const found = core.evidence(alert.evidence).flatMap(([name, value], i) => [...(i ? [" · "] : []), `${name} `, h("B", {}, value)]);
    return h("P", { className: "alert-evidence number-text" }, ...found);
  }

  function proposal(alert) {
    if (!alert.proposal) return [];
    const { mass_success: success, mass_failure: failure } = alert.proposal;
    const masses = `would make m_S ${core.number(success)} and m_F ${core.number(failure)}`;
    const link = h("A", { href: `${page.runHref(alert.run)}${core.proposalSearch(alert.proposal)}`, className: "text-link" }, "Steering");
    return [h("P", { className: "alert-more" }, "Proposal: ", h("B", {}, core.pair(alert.proposal)), `, ${masses}. `, link)];
  }

  function handled(alert) {
    if (!alert.acknowledged_at) return [];
    const by = alert.acknowledged_by ? ` by ${alert.acknowledged_by}` : "";
    const note = alert.note ? `: ${alert.note}` : "";
    return [h("P", { className: "alert-more", title: core.local(alert.acknowledged_at) }, `Acknowledged${by}, ${core.utc(alert.acknowledged_at)}${note}`)];
  }

  function buttons(alert, forbidden) {
    if (forbidden || alert.state === "resolved") return [];
    const name = `alert ${alert.id}`;
    const seen = alert.state === "acknowledged" ? [button("Take back", "unack", alert.id, `Take the acknowledgement of ${name} back`)]
      : alert.state === "firing" ? [button("Acknowledge", "ack", alert.id, `Acknowledge ${name}`)] : [];
    return [...seen, button("Silence", "silence", alert.id, `Silence ${name}`)];
  }

  // One alert. On the page of all, it names its run.
  function card(alert, { denied: forbidden, named = false, lastStep = null }) {
    known.set(alert.id, alert);
    const { mark, tone, word } = severity(alert.severity);
    const [from, to] = core.around(alert, lastStep);
    const href = `${page.runHref(alert.run)}?zoom=${from}:${to}&alert=${alert.id}`;
    const where = named ? [h("A", { href, className: "text-link" }, nameOf(alert.run)), ` · ${alert.project} · `] : [];
    return h("Div", { id: `alert-${alert.id}`, className: `alert ${tone}${core.isOpen(alert) ? "" : " over"}`, role: "group", "aria-label": `Alert ${alert.id}` },
      h("Span", { className: `alert-mark badge ${tone}`, title: word, "aria-hidden": "true" }, mark),
      h("Div", { className: "alert-what" },
        h("Div", { className: "alert-title" }, h("B", {}, core.capital(core.plain(alert.detector))), ...badges(alert)),
        h("P", { className: "alert-where", title: core.utc(alert.updated_at) }, ...where, core.span(alert))),
      h("Div", { className: "alert-why" },
        h("P", { className: "alert-cause" }, [alert.cause, alert.effect].filter(Boolean).join(" ")), facts(alert),
        ...(alert.advice.length ? [h("P", { className: "alert-advice" }, h("B", {}, alert.advice[0]), ` ${alert.advice.slice(1).join(" ")}`)] : []), ...proposal(alert), ...handled(alert)),
      h("Div", { className: "alert-acts" }, h("A", { href, className: "text-link", "aria-label": `Show the evidence of alert ${alert.id}` }, "Show"), ...buttons(alert, forbidden)));
  }

  const nameOf = (id) => window.fadewatchList.names().get(id)?.name || id;

  // ------------------------------------------------------------------ the page of all alerts
  const filters = () => core.parseView(window.location.search, false);
  const statesOf = ({ state: name }) => ({ open: ["firing", "acknowledged"], all: [""] })[name] || [name];

  async function read(view) {
    const more = { severity: view.severity, project: view.project[0] || "" };
    const found = await Promise.all(statesOf(view).map(async (name) => {
      const query = Object.entries({ state: name, ...more }).filter(([, value]) => value);
      let alerts = [], cursor = "";
      for (let i = 0; i < pages && cursor !== null; i++) {
        const asked = new URLSearchParams([...query, ["limit", LIMIT], ...(cursor ? [["cursor", cursor]] : [])]);
        const body = await (await ask(`/api/v1/alerts?${asked}`)).json();
        alerts = [...alerts, ...body.alerts];
        cursor = body.next_cursor;
      }
      return { alerts, cursor };
    }));
    shown = found.flatMap(({ alerts }) => alerts).sort(core.byUrgency);
    further = found.some(({ cursor }) => cursor !== null);
  }

  function show(view) {
    const none = view.state === "open" ? "No alert is open." : "No alert fits the filters.";
    const cards = shown.map((alert) => card(alert, { denied, named: true }));
    give("alerts-list", { children: cards.length ? cards : h("P", { className: "alert-none" }, none) });
    give("alerts-count", { children: further ? `the first ${core.count(shown.length)}` : shown.length === 1 ? "1 alert" : `${core.count(shown.length)} alerts` });
    give("alerts-more", { className: further ? "button" : "hidden" });
    give("alerts-denied", { children: denied && `Reading only: ${denied}`, className: denied ? "dimmed" : "hidden" });
  }

  function offerFilters(view, projects) {
    const names = [...new Set([...projects.map(({ project }) => project), ...view.project])].sort();
    give("alerts-project", { data: names.map((name) => ({ value: name, label: name })), className: names.length < 2 ? "hidden" : "filter" });
    if (state.sent["alerts set"]) return;
    state.sent["alerts set"] = "1"; // from now on, a person sets them
    const set = (id, value) => window.dash_clientside.set_props(id, { value });
    set("alerts-state", view.state);
    set("alerts-severity", view.severity || null);
    set("alerts-project", view.project[0] || null);
  }

  function filterAlerts(wanted, worst, project) {
    if (!state.sent["alerts set"]) return;
    pages = 1;
    window.fadewatchShell.changeView({ state: wanted || "open", severity: worst || "", project: project ? [project] : [] });
    window.fadewatchEvents.wake(["alerts"]);
    tick();
  }

  // ------------------------------------------------------------------ how many are open
  function badge(projects) {
    const total = { critical: 0, warning: 0 };
    for (const { open_alerts: open } of projects) for (const name of Object.keys(total)) total[name] += open?.[name] || 0;
    const count = total.critical + total.warning;
    const words = core.openWords(total);
    give("nav-alerts", { rightSection: count ? h("Span", { id: "alerts-badge", className: `badge ${total.critical ? "bad" : "warn"}`, title: words }, core.count(count), h("Span", { className: "visually-hidden" }, " open")) : null });
  }

  // Once a second: read again if something happened to alerts.
  async function tick() {
    const view = filters(), here = Boolean(document.getElementById("alerts-list"));
    const changed = here && shownFor !== JSON.stringify([view.state, view.severity, view.project]);
    if (document.hidden || reading || !(window.fadewatchEvents.take("alerts") || changed)) return;
    reading = true;
    try {
      denied = await window.fadewatchChange.may("control");
      const { projects } = await (await ask("/api/v1/projects")).json();
      badge(projects);
      if (here) {
        offerFilters(view, projects);
        await read(view);
        shownFor = JSON.stringify([view.state, view.severity, view.project]);
        show(view);
      }
    } catch (error) {
      page.reachable(error);
      window.fadewatchEvents.wake(["alerts"]);
    } finally {
      reading = false;
    }
  }

  const more = () => { pages += 1; window.fadewatchEvents.wake(["alerts"]); return tick(); };
  const reread = () => { window.fadewatchEvents.wake(["alerts", "page"]); return Promise.all([tick(), window.fadewatchDiagnosis.reread()]); };

  window.fadewatchAlerts = { card, known, tick, more, reread };
  window.dash_clientside.fadewatch = { ...window.dash_clientside.fadewatch, filterAlerts };
})();
