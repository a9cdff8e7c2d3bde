// One check a promise of how alerts, pins and small figures are told.
const { assert, core, check, run } = require("./checking.js");

const alert = (more) => ({ id: 1, severity: "warning", state: "firing", onset_step: 40, last_step: 80, resolved_step: null, ...more });

check("what is open and worst comes first, then the newest", () => {
  const alerts = [alert({ id: 1 }), alert({ id: 2, state: "resolved", severity: "critical" }), alert({ id: 3 }), alert({ id: 4, severity: "critical", state: "acknowledged" })];
  assert.deepEqual(alerts.sort(core.byUrgency).map(({ id }) => id), [4, 3, 1, 2]);
});

check("evidence is numbers by plain names, and its window the last", () => {
  const found = core.evidence({ window: [1, 1200], ratio_ess: 0.66161, loss: "NaN", where: "<b>" });
  assert.deepEqual(found, [["ratio ess", "0.66"], ["loss", "–"], ["where", "<b>"], ["steps", "1 to 1,200"]]);
});

check("an alert is shown with what was before it", () => {
  assert.deepEqual(core.around(alert(), 120), [20, 140]);
  assert.deepEqual(core.around(alert({ onset_step: 3, resolved_step: 9 }), 120), [0, 19]);
  assert.equal(core.span(alert()), "since step 40, last seen at 80");
  assert.equal(core.span(alert({ resolved_step: 90 })), "steps 40 to 90");
});

check("how many are open is told worst first", () => {
  assert.equal(core.openWords({ warning: 2, critical: 1 }), "1 critical and 2 warnings open");
  assert.equal(core.openWords({ warning: 1, critical: 0 }), "1 warning open");
  assert.equal(core.openWords({}), "nothing open");
});

check("a pin waits until the trainer confirms it, and only a controlled run can", () => {
  const pinned = { override_version: 1, override: {}, override_step: null, mode: "control", status: "running" };
  assert.match(core.confirmation(pinned).word, /^Waiting/);
  assert.match(core.confirmation({ ...pinned, override_step: 1204 }).word, /confirmed the pin at step 1,204/);
  assert.match(core.confirmation({ ...pinned, override: null, override_step: 7 }).word, /confirmed the release/);
  assert.match(core.confirmation({ ...pinned, mode: "observe" }).word, /only observes/);
  assert.equal(core.confirmation({ ...pinned, override_version: 0 }).tone, "calm");
});

check("a refusal names the field", () => {
  assert.equal(core.problem({ detail: "invalid", errors: [{ field: "alpha", message: "must be at most 3" }] }, 422), "alpha: must be at most 3");
  assert.equal(core.problem({ detail: "there is no alert 9" }, 404), "there is no alert 9");
  assert.equal(core.problem(null, 502), "the service answered 502");
});

check("what is ahead is told in whole units", () => {
  assert.deepEqual([5, 90, 3600, 7200, 200000].map(core.ahead), ["in 5 s", "in 1 min", "in 60 min", "in 2 h", "in 2 d"]);
});

check("a preview draws each mass as it was and as it would be, failures below zero", () => {
  const batch = { step: 7, mass_success: 0.2, mass_failure: 0.3, new_mass_success: 0.1, new_mass_failure: "NaN", sign_ratio: 0.67, new_sign_ratio: "Infinity" };
  const { data } = core.previewFigure({ batches: [batch] }, false);
  assert.deepEqual(data.map(({ y }) => y[0]), [0.2, 0.1, -0.3, null, 0.67, null]);
  assert.equal(new Set(data.map(({ line, marker }) => `${line.color} ${line.dash} ${marker.symbol}`)).size, 6);
});

check("methods are told apart by more than colour", () => {
  const masses = { mass_success: [1, 2], mass_failure: [3, 4] };
  const { data } = core.whatIfFigure({ steps: [0, 5], recorded: masses, methods: { grpo: masses, fade: masses } }, "mass_failure", true);
  assert.deepEqual(data.map(({ name, y }) => [name, y]), [["recorded", [3, 4]], ["grpo", [3, 4]], ["fade", [3, 4]]]);
  assert.equal(new Set(data.map(({ line }) => line.dash + line.width)).size, 3);
});

run();
