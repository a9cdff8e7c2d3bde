// Steering a run: what is in force, what a change would make, pin and release, and the trail.
(function () {
  "use strict";
  const core = window.fadewatchCore;
  const page = window.fadewatchPage;
  const { give, ask, state } = page;
  const h = (...args) => window.fadewatchShow.h(...args);
  const PREVIEW_MS = 250;
  const NO_WEIGHTS = "There are no raw weights to try it on yet: weights_every says which steps send them.";
  let wish = { alpha: null, delta: null, reason: "", duration: null, revert: null };
  let offered = "", previewFor = "", previewTimer = 0, trailFor = "", denied = "", busy = false;

  const set = (id, props) => window.dash_clientside.set_props(id, props);
  const api = (rest) => `/api/v1/runs/${encodeURIComponent(state.run)}/${rest}`;
  const inSight = () => Boolean(document.getElementById("steer-form")?.offsetParent);
  const say = (words, tone = "bad") => set("steer-problem", { children: words, className: words ? `steer-said ${tone}` : "hidden" });

  // The pair that the trainer uses or is told to.
  function inForce(run) {
    const alpha = run.override?.alpha ?? core.toNumber(run.schedule.alpha);
    const delta = run.override?.delta ?? core.toNumber(run.schedule.delta);
    return { alpha, delta };
  }

  // ------------------------------------------------------------------ what is
  const MODES = {
    observe: "Observe: the trainer uses its own advantages. A pin here is recorded, and not taken over.",
    recommend: "Recommend: the schedule is computed and shown. The trainer does not take it over.",
    control: "Control: the trainer uses the alpha and delta that it is told from here.",
  };

  function pinned(run) {
    const pin = run.override;
    if (!pin) return [h("P", {}, "Nothing is pinned: the scheduler steers.")];
    const now = Date.now() / 1000;
    const ends = [
      pin.expires_at === null ? "until released" : `ends ${core.ahead(pin.expires_at - now)}`,
      ...(pin.revert_on ? [`ends when the run turns ${pin.revert_on}`] : []),
    ].join(", ");
    const since = pin.at === null ? "" : `, ${core.age(now - pin.at)}`;
    return [h("P", { title: pin.expires_at === null ? undefined : core.utc(pin.expires_at) },
      h("B", {}, core.pair(pin)), ` pinned${pin.by ? ` by ${pin.by}` : ""}${since}; ${ends}.`), h("P", { className: "dimmed" }, `Reason: ${pin.reason}`)];
  }

  function show(run) {
    const { alpha, delta } = inForce(run);
    const { word, tone } = core.confirmation(run);
    give("steer-mode", { children: MODES[run.mode] });
    give("steer-now", { children: [
      h("Div", { className: "fact" }, h("Span", { className: "dimmed" }, "alpha in force"), h("B", {}, core.number(alpha))),
      h("Div", { className: "fact" }, h("Span", { className: "dimmed" }, "delta in force"), h("B", {}, core.number(delta))),
      h("Div", { className: "fact" }, h("Span", { className: "dimmed" }, "FADE computes"), h("B", {}, core.pair({ alpha: run.schedule.alpha, delta: run.schedule.delta }))),
    ] });
    give("steer-pinned", { children: pinned(run) });
    give("steer-confirmed", { children: word, className: `badge ${tone}` });
    give("steer-release", { disabled: Boolean(denied) || !run.override });
    give("steer-pin", { disabled: Boolean(denied) });
    give("steer-denied", { children: denied && `You can look, not steer. ${denied}`, className: denied ? "steer-said calm" : "hidden" });
  }

  // Set the controls once a run, to what the address proposes: from then on they are the person's.
  function offer(run) {
    if (offered === run.id && state.sent["steer set"]) return;
    offered = run.id;
    state.sent["steer set"] = "1";
    const { alpha, delta } = inForce(run), tuning = run.scheduler || {};
    const disabled = Boolean(denied), { view } = state;
    set("steer-alpha", { max: core.toNumber(tuning.alpha_max ?? 3), value: view.alpha ?? alpha, disabled });
    set("steer-delta", { min: core.toNumber(tuning.delta_min ?? 0.3), value: view.delta ?? delta, disabled });
    set("steer-alpha-on", { checked: view.alpha !== null, disabled });
    set("steer-delta-on", { checked: view.delta !== null, disabled });
    for (const id of ["steer-reason", "steer-duration", "steer-revert"]) set(id, { disabled });
  }

  // ------------------------------------------------------------------ what a change would make
  function wished(alphaOn, alpha, deltaOn, delta, reason, duration, revert) {
    wish = { alpha: alphaOn ? alpha : null, delta: deltaOn ? delta : null, reason: reason || "", duration: Number(duration) || null, revert: revert || null };
    clearTimeout(previewTimer);
    previewTimer = setTimeout(() => { remember(); preview(); }, PREVIEW_MS);
    return [core.number(alpha), core.number(delta)];
  }

  // A link shows the change that a person has in mind; it says nothing before the controls are set.
  function remember() {
    if (!state.sent["steer set"] || !inSight()) return;
    window.fadewatchShell.changeView({ alpha: wish.alpha, delta: wish.delta });
  }

  async function preview() {
    const run = state.bodies[state.run];
    if (!run || !inSight()) return;
    if (!run.metrics.includes("mass_success")) { give("steer-preview-note", { children: NO_WEIGHTS }); return; } // where there are none, do not ask
    const asked = Object.fromEntries(Object.entries({ alpha: wish.alpha, delta: wish.delta }).filter(([, value]) => value !== null));
    const text = JSON.stringify([run.id, asked, run.override_version, state.view.dark, run.metrics.includes("mass_success") && Math.floor(run.last_step / 10)]);
    if (text === previewFor && document.getElementById("steer-plot")?.data) return;
    previewFor = text;
    const place = document.getElementById("steer-plot");
    try {
      const found = await window.fadewatchChange.send("POST", api("preview"), asked);
      if (previewFor !== text) return;
      const { data, layout } = core.previewFigure(found, state.view.dark);
      await (await window.fadewatchGraphs.plotly()).react(place, data, layout, { displayModeBar: false, responsive: true });
      const count = found.batches.length;
      give("steer-preview-note", { children: `${core.capital(core.pair(found))} on the newest ${count === 1 ? "batch" : `${core.count(count)} batches`} with raw weights: the first step of the change, not where it leads.` });
    } catch (error) {
      window.Plotly?.purge(place);
      give("steer-preview-note", { children: error.status === 404 ? NO_WEIGHTS : core.capital(error.message) });
    }
  }

  function nudge(key) {
    const [name, by] = key.split(" ");
    const run = state.bodies[state.run];
    if (!run || denied) return;
    const tuning = run.scheduler || {};
    const [low, high] = name === "alpha" ? [1, tuning.alpha_max ?? 3] : [tuning.delta_min ?? 0.3, 1];
    const value = Math.round(100 * Math.min(high, Math.max(low, (wish[name] ?? inForce(run)[name]) + Number(by)))) / 100;
    set(`steer-${name}-on`, { checked: true });
    set(`steer-${name}`, { value });
  }

  // ------------------------------------------------------------------ doing it
  async function change(words, action) {
    if (busy || denied) return;
    busy = true;
    say("");
    try {
      const live = await action();
      Object.assign(state.bodies[state.run], live);
      say(words, "good");
      show(state.bodies[state.run]);
    } catch (error) {
      say(core.capital(error.message));
    } finally {
      busy = false;
    }
    window.fadewatchEvents.wake(["page", "steering"]);
  }

  function pin() {
    if (wish.alpha === null && wish.delta === null) { say("Tick alpha, delta or both: what is not ticked stays with the scheduler."); return undefined; }
    if (!wish.reason.trim()) { say("Say why: the reason is in the trail, and the trainer's log has it too."); return undefined; }
    const body = { alpha: wish.alpha, delta: wish.delta, reason: wish.reason.trim(), duration_s: wish.duration, revert_on: wish.revert };
    return change(`Pinned ${core.pair(wish)}.`, () => window.fadewatchChange.send("PUT", api("schedule/override"), body));
  }

  const release = () => change("Released: the scheduler steers again.", () => window.fadewatchChange.send("DELETE", api("schedule/override")));

  // ------------------------------------------------------------------ the trail
  const EVENTS = { pinned: ["◆", "pinned"], released: ["○", "released"], applied: ["●", "confirmed by the trainer"] };

  async function trail(run) {
    const text = [run.id, run.override_version, run.override_step].join(" ");
    if (text === trailFor && state.sent["steer-trail"]) return;
    const { changes } = await (await ask(api("schedule/changes?limit=100"))).json();
    trailFor = text;
    const rows = changes.map((one) => {
      const [mark, word] = EVENTS[one.event] || ["●", one.event];
      return h("Tr", {}, h("Td", { title: core.local(one.at), className: "nowrap" }, core.utc(one.at)), h("Td", { className: "nowrap" }, `${mark} ${word}`),
        h("Td", {}, core.count(one.step)), h("Td", {}, core.number(core.toNumber(one.alpha))), h("Td", {}, core.number(core.toNumber(one.delta))), h("Td", {}, one.reason));
    });
    give("steer-trail", { children: rows.length ? rows : h("Tr", {}, h("Td", { colSpan: 6 }, "Nobody has pinned anything yet.")) });
  }

  // Once a second, while the tab is in sight.
  async function tick() {
    const run = state.bodies[state.run];
    if (state.page !== "run" || !run || document.hidden || !inSight() || busy) return;
    try {
      denied = await window.fadewatchChange.may("control");
      show(run);
      offer(run);
      await trail(run);
    } catch (error) {
      page.reachable(error);
    }
    preview();
  }

  window.fadewatchSteering = { tick, nudge, pin, release };
  window.dash_clientside.fadewatch = { ...window.dash_clientside.fadewatch, wished };
})();
