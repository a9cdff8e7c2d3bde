// What a run's weights and its KL penalty are, and what other methods would have weighed.
(function () {
  "use strict";
  const core = window.fadewatchCore;
  const page = window.fadewatchPage;
  const { give, ask, state } = page;
  const h = (...args) => window.fadewatchShow.h(...args);
  let auditFor = "", whatIfFor = "", refused = false, busy = false;

  const inSight = (id) => Boolean(document.getElementById(id)?.offsetParent);
  const api = (rest) => `/api/v1/runs/${encodeURIComponent(state.run)}/${rest}`;
  const fact = (name, value) => h("Div", { className: "fact" }, h("Span", { className: "dimmed" }, name), h("B", {}, value));
  // the newest weights change every batch: every tenth step is often enough
  const version = () => [state.run, state.view.dark, Math.floor((state.bodies[state.run]?.last_step ?? -1) / 10)].join(" ");

  async function draw(id, { data, layout }) {
    await (await window.fadewatchGraphs.plotly()).react(document.getElementById(id), data, layout, { displayModeBar: false, responsive: true });
  }

  // ------------------------------------------------------------------ audit
  const GOOD = ["exact", "equals", "proportional"];

  function kl(found) {
    if (!found) return [h("P", { className: "dimmed" }, "No verdict is stored: an adapter audits its trainer's settings when the run opens; fadewatch audit kl does it for a file.")];
    const tone = GOOD.some((word) => String(found.verdict).startsWith(word)) ? "good" : "warn";
    const lines = [["why", found.reason], ["change to make", found.change], ["confidence", found.confidence], ["source", found.source]];
    return [h("P", {}, h("Span", { className: `badge ${tone}` }, core.plain(found.verdict)), ` ${found.trainer || ""} ${found.version || ""}`),
      ...lines.filter(([, text]) => text).map(([name, text]) => h("P", {}, h("Span", { className: "dimmed" }, `${core.capital(name)}: `), String(text)))];
  }

  function advantage(found) {
    if (!found) return [h("P", { className: "dimmed" }, "No raw weights are stored: weights_every says which steps send them.")];
    const { nearest } = found;
    const params = (one) => Object.entries(one.params).map(([name, value]) => ` ${name} ${core.number(value)}`).join(",");
    return [
      h("P", {}, h("Span", { className: `badge ${found.relation === "none of these" ? "warn" : "good"}` }, found.relation), ` ${core.capital(found.verdict)}`),
      h("Div", { className: "steer-facts" },
        ...(nearest ? [fact("nearest method", nearest.method + params(nearest)), fact("times", core.number(nearest.factor)), fact("distance", core.number(nearest.distance))] : []),
        fact("group size", core.count(found.group_size)), fact("m_S", core.number(core.toNumber(found.mass_success))),
        fact("m_F", core.number(core.toNumber(found.mass_failure))), fact("m_S / m_F", core.number(core.toNumber(found.sign_ratio)))),
      h("P", { className: "dimmed" }, `From ${found.steps.length === 1 ? "step" : "steps"} ${found.steps.map(core.count).join(", ")}${found.sampled ? ", a sample of whole groups" : ""}.${found.curve ? " Below: what that method weighs on a prompt, by its solve rate." : ""}`),
    ];
  }

  async function audit() {
    const text = version();
    if (text === auditFor && state.sent["audit-kl"]) return;
    const found = await (await ask(api("audit"))).json();
    auditFor = text;
    give("audit-kl", { children: kl(found.kl) });
    give("audit-advantage", { children: advantage(found.advantage) });
    if (found.advantage?.curve) await draw("audit-plot", core.curveFigure(found.advantage.curve, state.view.dark));
    else (await window.fadewatchGraphs.plotly()).purge("audit-plot");
  }

  // ------------------------------------------------------------------ what if
  async function compare() {
    const { methods } = state.view, text = `${version()} ${methods}`;
    offer(methods);
    if (text === whatIfFor && (refused || document.getElementById("whatif-success")?.data)) return;
    whatIfFor = text;
    refused = !methods.length;
    if (refused) { nothing("Choose at least one method.", "dimmed"); return; }
    const answer = await fetch(api(`whatif?${new URLSearchParams({ advantage: methods.join(","), limit: 200 })}`), { credentials: "same-origin" });
    const found = await answer.json().catch(() => null);
    if (whatIfFor !== text) return;
    refused = !answer.ok;
    if (refused) { nothing(core.capital(core.problem(found, answer.status)), "steer-said bad"); return; }
    const count = found.steps.length;
    const some = found.complete ? "all" : "evenly spaced";
    give("whatif-note", { children: count ? `${core.count(count)} steps with raw weights, ${some}${found.sampled ? "; of some batches a sample of whole groups" : ""}.` : "No raw weights are stored: weights_every says which steps send them.", className: "dimmed" });
    await draw("whatif-success", core.whatIfFigure(found, "mass_success", state.view.dark));
    await draw("whatif-failure", core.whatIfFigure(found, "mass_failure", state.view.dark));
  }

  // Say it in place of pictures that would show something else.
  function nothing(words, className) {
    for (const id of ["whatif-success", "whatif-failure"]) window.Plotly?.purge(id);
    give("whatif-note", { children: words, className });
  }

  // Set the control once a page, to what the address names: from then on it is the person's.
  function offer(methods) {
    if (state.sent["whatif set"]) return;
    state.sent["whatif set"] = "1";
    window.dash_clientside.set_props("whatif-methods", { value: methods });
  }

  function whatIf(chosen) {
    if (state.page === "run" && state.sent["whatif set"]) window.fadewatchShell.changeView({ methods: chosen || [] });
    tick();
  }

  // Once a second: whichever of the tabs is in sight.
  async function tick() {
    if (state.page !== "run" || !state.bodies[state.run] || document.hidden || busy) return;
    busy = true;
    try {
      if (inSight("audit")) await audit();
      if (inSight("whatif")) await compare();
    } catch (error) {
      page.reachable(error);
    } finally {
      busy = false;
    }
  }

  window.fadewatchMethods = { tick };
  window.dash_clientside.fadewatch = { ...window.dash_clientside.fadewatch, whatIf };
})();
