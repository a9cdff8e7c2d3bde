// One check a promise of the address, the filters, the tables and the downloads.
const { assert, core, check, run } = require("./checking.js");

check("an address and its view give each other back", () => {
  const search = "?compare=b,c&axis=tokens&smooth=0.5&range=200&zoom=3:40&log=kl,entropy&step=7&dark=1";
  const view = core.parseView(search, false);
  assert.deepEqual([view.compare, view.axis, view.smooth, view.zoom, view.log, view.step, view.dark], [["b", "c"], "tokens", 0.5, [3, 40], ["kl", "entropy"], 7, true]);
  assert.equal(core.composeSearch(view, false), search);
  assert.equal(core.composeSearch(core.parseView("", false), false), "");
});

check("the address of the page that compares holds all of its view", () => {
  const search = "?runs=a,b&axis=time&view=difference&grouped=1&baseline=b&metrics=entropy,extra%2Fx%20y&at=40";
  assert.equal(core.composeSearch(core.parseView(search, false), false), search);
});

check("the address of a proposal offers its pair, and the address of a tab what it compares", () => {
  assert.equal(core.proposalSearch({ alpha: 1.004, delta: 0.3 }), "?tab=steering&alpha=1&delta=0.3");
  assert.equal(core.proposalSearch({ alpha: null, delta: 0.745 }), "?tab=steering&delta=0.75");
  const search = "?tab=whatif&methods=dapo,maxrl";
  assert.deepEqual(core.parseView(search, false).methods, ["dapo", "maxrl"]);
  assert.equal(core.composeSearch(core.parseView(search, false), false), search);
});

check("what an address cannot mean is its default", () => {
  const view = core.parseView("?smooth=7&range=eval&compare=,,&dark=x&zoom=9:3&axis=epoch&step=-1&view=pie", true);
  assert.deepEqual([view.smooth, view.range, view.compare, view.zoom, view.axis, view.step, view.view], [0.9, "all", [], null, "step", null, "overlay"]);
  assert.equal(view.dark, false);
  assert.equal(core.parseView("", true).dark, true);
});

check("a control that reports what it was given has not been moved", () => {
  const given = { compare: ["b"], smooth: 0.9, range: "all", dark: false };
  assert.deepEqual(core.changes({ compare: ["b"], range: "all" }, given), {});
  assert.deepEqual(core.changes({ compare: [], range: "all", dark: true }, given), { compare: [], dark: true });
});

check("a question is a query, with a part for each in a list", () => {
  assert.equal(core.query({ page: "compare", runs: ["a", "b&c"], dark: true, metrics: [] }), "page=compare&runs=a&runs=b%26c&dark=true");
});

check("a zoom is read from both forms of the event", () => {
  assert.deepEqual(core.zoomIn({ "xaxis2.range[0]": 3, "xaxis2.range[1]": 9, "yaxis.range[0]": 0 }), [3, 9]);
  assert.deepEqual(core.zoomIn({ "xaxis.range": [1, 2] }), [1, 2]);
  assert.equal(core.zoomIn({ "xaxis.autorange": true }), null);
  assert.equal(core.zoomIn({ autosize: true }), undefined);
  assert.equal(core.zoomIn({ "yaxis.range[0]": 1 }), undefined);
  assert.equal(core.zoomIn(null), undefined);
});

const runs = [
  { id: "1", name: "fade-s0", project: "maths", status: "running", group: "fade", tags: ["long"], health: "warning" },
  { id: "2", name: "grpo-s0", project: "code", status: "failed", tags: [] },
];
const nothing = { q: "", project: [], status: [], health: [], tag: [] };
const fit = (filters) => core.fitting(runs, { ...nothing, ...filters }).map(({ id }) => id);

check("filters let through what fits all of them", () => {
  assert.deepEqual(fit({}), ["1", "2"]);
  assert.deepEqual(fit({ q: "FADE maths" }), ["1"]);
  assert.deepEqual(fit({ project: ["maths", "code"], status: ["failed"] }), ["2"]);
  assert.deepEqual(fit({ tag: ["long"], status: ["failed"] }), []);
  assert.deepEqual(fit({ health: ["unknown"] }), ["2"]);
});

check("settings differ by the path of their key, and those that agree are left out", () => {
  const found = core.differing([{ lr: 1, opt: { name: "adam", beta: 0.9 } }, { lr: 1, opt: { name: "sgd" } }, null]);
  assert.deepEqual(found, [
    { key: "lr", values: [1, 1, undefined] },
    { key: "opt.beta", values: [0.9, undefined, undefined] },
    { key: "opt.name", values: ["adam", "sgd", undefined] },
  ]);
  assert.deepEqual(core.differing([{ a: [1] }, { a: [1] }]), []);
});

check("text in a download is quoted and never a formula", () => {
  const text = core.csv(["name", "value"], [['a,"b"', NaN], ["=1+1", -Infinity], ["@x", 2]]);
  assert.equal(text, 'name,value\n"a,""b""",NaN\n\'=1+1,-Infinity\n\'@x,2\n');
});

run();
