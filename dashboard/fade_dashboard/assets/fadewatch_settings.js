// Settings of the service, for those who may change them.
(function () {
  "use strict";
  const core = window.fadewatchCore;
  const page = window.fadewatchPage;
  const { give, ask, state } = page;
  const { send, may } = window.fadewatchChange;
  const h = (...args) => window.fadewatchShow.h(...args);
  let secret = false, busy = false;

  const set = (id, props) => window.dash_clientside.set_props(id, props);
  const here = () => Boolean(document.getElementById("page-settings"));
  const say = (part, words, tone = "bad") => set(`${part}-said`, { children: words, className: words ? `steer-said ${tone}` : "hidden" });
  const when = (seconds, none) => (seconds === null || seconds === undefined ? none : core.utc(seconds));
  const button = (word, act, key, what) => h("Button", { className: "button", type: "button", "data-act": act, "data-key": String(key), "aria-label": what }, word);
  const row = (cells, className = "") => h("Tr", { className }, ...cells.map((cell) => h("Td", {}, cell)));
  const none = (columns, words) => h("Tr", {}, h("Td", { colSpan: columns }, words));

  // ------------------------------------------------------------------ reading
  function keyRow(key) {
    const over = key.revoked_at !== null || (key.expires_at !== null && key.expires_at < Date.now() / 1000);
    const ends = key.revoked_at !== null ? `revoked ${core.utc(key.revoked_at)}` : when(key.expires_at, "never");
    return row([key.name, key.scopes.join(", "), key.project ?? "all", core.utc(key.created_at), ends, when(key.used_at, "never"),
      over ? "" : button("Revoke", "key-revoke", key.id, `Revoke the key ${key.name}`)], over ? "gone" : "");
  }

  function sinkRow(sink) {
    const { last_delivery: last } = sink;
    const told = last ? `${last.status}, ${core.utc(last.at)}${last.error ? `: ${last.error}` : ""}` : "none yet";
    return row([sink.name, sink.kind, sink.url, sink.project ?? "all", sink.severity, told,
      h("Span", { className: "pair" }, button("Test", "sink-test", sink.id, `Send a test to ${sink.name}`), button("Delete", "sink-delete", sink.id, `Delete ${sink.name}`))], sink.enabled ? "" : "gone");
  }

  async function read() {
    const [{ keys }, { sinks }, { projects }] = await Promise.all(["keys", "sinks", "projects"].map(async (name) => (await ask(`/api/v1/${name}`)).json()));
    give("key-rows", { children: keys.length ? keys.map(keyRow) : none(7, "There is no key.") });
    give("sink-rows", { children: sinks.length ? sinks.map(sinkRow) : none(7, "Nobody is told of alerts.") });
    give("keep-project", { data: projects.map(({ project }) => ({ value: project, label: project })) });
  }

  // Once, when the page is new; after that, each change reads again.
  async function tick() {
    if (!here() || busy || state.sent["settings read"]) return;
    busy = true;
    try {
      const denied = await may("admin");
      if (!denied) await read();
      give("settings-denied", { children: denied && `These are for admins. ${denied}`, className: denied ? "steer-said calm" : "hidden" });
      give("settings-body", { className: denied ? "hidden" : "settings-body" });
      state.sent["settings read"] = "1";
    } catch (error) {
      page.reachable(error);
    } finally {
      busy = false;
    }
  }

  // Do it, say how it went, and read again.
  async function change(part, words, action) {
    say(part, "");
    try {
      const done = await action();
      say(part, typeof words === "function" ? words(done) : words, "good");
      if (!secret) await read();
      return done;
    } catch (error) {
      say(part, core.capital(error.message));
      return null;
    }
  }

  // ------------------------------------------------------------------ keys
  async function createKey(clicks, name, scopes, project, life) {
    if (!clicks) return;
    const body = { name: (name || "").trim(), scopes: scopes || [], project: project?.trim() || null, expires_at: life ? Date.now() / 1000 + Number(life) : null };
    secret = true; // the first key ends this page's own access: it stays until the key is kept
    const made = await change("key", "Made.", () => send("POST", "/api/v1/keys", body));
    secret = Boolean(made);
    if (!made) return;
    set("key-secret", { children: made.key });
    set("key-shown", { className: "shown-once" });
    set("key-name", { value: "" });
  }

  function kept() {
    secret = false;
    set("key-secret", { children: "" });
    set("key-shown", { className: "hidden" });
    return read();
  }

  const revoke = (id) => change("key", "Revoked.", () => send("DELETE", `/api/v1/keys/${encodeURIComponent(id)}`));

  // ------------------------------------------------------------------ sinks
  async function addSink(clicks, name, kind, url, project, severity) {
    if (!clicks) return;
    const body = { name: (name || "").trim(), kind, url: url?.trim() || null, project: project?.trim() || null, severity };
    const made = await change("sink", "Added.", () => send("POST", "/api/v1/sinks", body));
    if (!made) return;
    set("sink-secret", { children: made.secret || "" });
    set("sink-shown", { className: made.secret ? "shown-once" : "hidden" });
    set("sink-name", { value: "" });
    set("sink-url", { value: "" });
  }

  const testSink = (id) => change("sink", (sent) => `Test: ${sent.status}${sent.error ? `, ${sent.error}` : ""}.`, () => send("POST", `/api/v1/sinks/${id}/test`));
  const deleteSink = (id) => change("sink", "Deleted.", () => send("DELETE", `/api/v1/sinks/${id}`));

  // ------------------------------------------------------------------ what is kept
  const policyOf = (project) => `/api/v1/projects/${encodeURIComponent(project)}/retention`;

  async function chooseProject(project) {
    if (!project) return; // also called when the page is new
    set("keep-save", { disabled: true }); // until what is in force has arrived, which would go over what is typed
    say("keep", "");
    try {
      const policy = await (await ask(policyOf(project))).json();
      set("keep-weights", { value: policy.weights_days ?? "" });
      set("keep-runs", { value: policy.runs_days ?? "" });
      set("keep-save", { disabled: false });
    } catch (error) {
      say("keep", core.capital(error.message));
    }
  }

  function keepFor(clicks, project, weights, runs) {
    if (!clicks || !project) return;
    const days = (value) => (value === "" || value === null || value === undefined ? null : Number(value));
    change("keep", `Saved for ${project}.`, () => send("PUT", policyOf(project), { weights_days: days(weights), runs_days: days(runs) }));
  }

  window.fadewatchSettings = { tick, kept, revoke, testSink, deleteSink, holding: () => secret };
  window.dash_clientside.fadewatch = { ...window.dash_clientside.fadewatch, createKey, addSink, chooseProject, keepFor };
})();
