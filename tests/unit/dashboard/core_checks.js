// One check a promise of the numbers, the figures and the words.
const { assert, core, check, run } = require("./checking.js");

function packed(header, columns) {
  let text = JSON.stringify(header);
  while ((4 + text.length) % 8) text += " ";
  const buffer = new ArrayBuffer(4 + text.length + 8 * columns.length);
  new DataView(buffer).setUint32(0, text.length, true);
  new Uint8Array(buffer, 4).set(new TextEncoder().encode(text));
  columns.forEach((value, i) => new DataView(buffer).setFloat64(4 + text.length + 8 * i, value, true));
  return buffer;
}

check("panels are drawn from the one that was touched on, and round", () => {
  assert.deepEqual(core.startingAt("b", ["a", "b", "c"]), ["b", "c", "a"]);
  assert.deepEqual(core.startingAt(null, ["a", "b"]), ["a", "b"]);
});

check("the binary answer gives each metric its steps and values", () => {
  const header = { run: "a", attempt: 2, last_step: 9, series: [{ metric: "x", points: 2 }, { metric: "y", points: 0 }] };
  const decoded = core.decode(packed(header, [8, 9, 0.5, NaN]));
  assert.deepEqual([decoded.run, decoded.attempt, decoded.lastStep], ["a", 2, 9]);
  assert.deepEqual([...decoded.series.x.step], [8, 9]);
  assert.deepEqual([...decoded.series.x.value], [0.5, NaN]);
  assert.equal(decoded.series.y.step.length, 0);
});

check("smoothing keeps a constant and starts at the first value", () => {
  for (const v of core.ema([3, 3, 3, 3], 0.9)) assert.ok(Math.abs(v - 3) < 1e-12);
  assert.deepEqual([...core.ema([1, 5], 0)], [1, 5]);
});

check("smoothing leaves a gap where there is no number and goes on after it", () => {
  const out = core.ema([2, NaN, 2, Infinity, 2], 0.5);
  assert.deepEqual([...out].map(Number.isNaN), [false, true, false, true, false]);
  assert.equal(out[4], 2);
});

check("a denser tail is smoothed over as many steps as the rest", () => {
  const steps = [...Array(50).keys()].map((i) => 10 * i), tail = [...Array(40).keys()].map((i) => 491 + i);
  const value = (s) => (s < 490 ? 0 : 1);
  const even = [...steps, 500, 510, 520, 530];
  const mixed = core.ema([...steps, ...tail].map(value), 0.9, [...steps, ...tail]).at(-1);
  const plain = core.ema(even.map(value), 0.9, even).at(-1);
  assert.ok(Math.abs(mixed - plain) < 0.05, `${mixed} and ${plain}`);
});

check("a run that only went on is known by its counts", () => {
  const before = { attempt: 1, last_step: 10, step_count: 11 };
  assert.equal(core.wentOn(before, { attempt: 1, last_step: 12, step_count: 13 }), true);
  assert.equal(core.wentOn(before, { attempt: 1, last_step: 12, step_count: 14 }), false); // an older step came late
  assert.equal(core.wentOn(before, { attempt: 2, last_step: 12, step_count: 13 }), false);
  assert.equal(core.wentOn(before, before), false);
});

check("a series grows by its tail and is cut at its start", () => {
  const series = core.append({ step: Float64Array.of(1, 2), value: Float64Array.of(5, 6) }, { step: Float64Array.of(3), value: Float64Array.of(7) });
  assert.deepEqual([...series.step, ...series.value], [1, 2, 3, 5, 6, 7]);
  assert.deepEqual([...core.since(series, 2).value], [6, 7]);
});

check("a zoom goes before the range and is widened to whole steps", () => {
  assert.deepEqual(core.windowOf("200", 1000, [-3.5, 20.2]), { from: 0, to: 21 });
  assert.deepEqual(core.windowOf("200", 1000, null), { from: 801, to: 1000 });
  assert.deepEqual(core.windowOf("200", 50, null), { from: 0, to: 50 });
  assert.deepEqual(core.windowOf("all", 1000, null), { from: null, to: null });
  assert.deepEqual(core.windowOf("200", null, null), { from: null, to: null });
});

check("a long zoom is widened to where buckets end, but not behind the last step", () => {
  assert.deepEqual(core.windowOf("all", 99999, [40000.4, 49999.5]), { from: 39936, to: 50175 });
  assert.deepEqual(core.windowOf("all", 99999, [39936, 50175]), { from: 39936, to: 50175 });
  assert.deepEqual(core.windowOf("all", 50100, [40000.4, 49999.5]), { from: 39936, to: 50100 });
  assert.deepEqual(core.windowOf("all", 50100, [40000.4, 50150]), { from: 39936, to: 50150 });
  assert.deepEqual(core.windowOf("all", null, [40000.4, 49999.5]), { from: 39936, to: 50000 });
});

check("an id and metrics are quoted in the address of a series", () => {
  const url = core.seriesUrl("a/../b?", ["pass_at_k/16", "x&y"], { from: 3, to: null }, 100);
  assert.equal(url, "/api/v1/runs/a%2F..%2Fb%3F/series.bin?metrics=pass_at_k%2F16%2Cx%26y&points=100&from=3");
});

check("only visible panels that depend on something new are drawn", () => {
  const wanted = { a: "1", b: "1", c: "2" };
  assert.deepEqual(core.stale(wanted, new Set(["a", "c"]), { a: "1", c: "1" }), ["c"]);
  assert.deepEqual(core.stale(wanted, new Set(), {}), []);
});

const trace = (run, metric, more) => ({ name: metric, meta: { run, metric, sign: 1, smooth: true, ...more } });

check("every metric of some figures is asked for once a run", () => {
  const figures = [{ data: [trace("a", "x"), trace("a", "x", { ghost: true })] }, { data: [trace("b", "x"), trace("a", "w")] }];
  assert.deepEqual(core.metricsOf(figures), { a: ["w", "x"], b: ["x"] });
});

check("a template is filled without being changed", () => {
  const figure = { data: [trace("a", "x", { sign: -1 })], layout: { xaxis: { nticks: 6 }, xaxis2: {}, title: "t" } };
  const before = JSON.stringify(figure);
  const series = { a: { x: { step: Float64Array.of(1, 2), value: Float64Array.of(5, 7) } } };
  const made = core.fill(figure, { series }, [0, 10], "r");
  assert.equal(JSON.stringify(figure), before);
  assert.deepEqual([...made.data[0].y], [-5, -7]);
  assert.deepEqual([...made.data[0].customdata], [5, 7]);
  assert.deepEqual(made.layout.xaxis, { nticks: 6, range: [0, 10], autorange: false });
  assert.deepEqual(made.layout.xaxis2.range, [0, 10]);
  assert.equal(made.layout.uirevision, "r");
});

check("the unsmoothed line is there only behind a smoothed one", () => {
  const figure = { data: [trace("a", "x", { smooth: false, ghost: true }), trace("a", "x")], layout: {} };
  const series = { a: { x: { step: Float64Array.of(1, 2), value: Float64Array.of(0, 1) } } };
  const [ghost, line] = core.fill(figure, { series, smoothing: 0.5 }, [0, 1], "").data;
  assert.equal(ghost.visible, true);
  assert.deepEqual([...ghost.y], [0, 1]);
  assert.ok(line.y[1] > 0 && line.y[1] < 1);
  assert.equal(core.fill(figure, { series }, [0, 1], "").data[0].visible, false);
});

check("a trace without points is a gap and not an empty plot", () => {
  const made = core.fill({ data: [trace("a", "x")], layout: {} }, {}, [0, 1], "");
  assert.deepEqual(made.data[0].x, [0]);
  assert.ok(Number.isNaN(made.data[0].y[0]));
});

check("a single value is marked because a line through it is nothing", () => {
  const series = { a: { x: { step: Float64Array.of(4), value: Float64Array.of(1) } } };
  assert.equal(core.fill({ data: [trace("a", "x")], layout: {} }, { series }, [0, 1], "").data[0].mode, "lines+markers");
});

check("numbers are short and what is no number is said", () => {
  assert.deepEqual([0.618, 0.024, 2.9, 14200, 0, 3e-7].map((v) => core.number(v)), ["0.62", "0.024", "2.90", "14,200", "0.00", "3.0e-7"]);
  assert.deepEqual([core.number(0.618, "percent"), core.number(NaN), core.number(Infinity)], ["61.8%", "–", "Infinity"]);
  assert.ok(Number.isNaN(core.toNumber(null)));
  assert.equal(core.toNumber("Infinity"), Infinity);
});

check("an age is told in its largest unit", () => {
  assert.deepEqual([0, 3, 61, 7200, 200000].map(core.age), ["now", "3 s ago", "1 min ago", "2 h ago", "2 d ago"]);
});

check("a status is a shape and a word, also one that is not known", () => {
  const seen = ["running", "finished", "failed", "stale"].map((name) => core.status(name).mark);
  assert.equal(new Set(seen).size, 4);
  assert.equal(core.status("paused").word, "paused");
});

check("a tile says how far a value is from its target", () => {
  const tile = { form: "number", target: 0.5, target_label: "H*" };
  assert.equal(core.remark(tile, [0.25], [1]), "▼ 50% under H* 0.50");
  assert.equal(core.remark({ ...tile, target: null }, [], []), "no data yet");
});

check("a tile says how a value changed over the last 200 steps", () => {
  const tile = { form: "percent", target: null, target_label: "" };
  assert.equal(core.remark(tile, [0.1, 0.2, 0.35], [0, 100, 300]), "+15.0 pt over 200 steps");
  assert.equal(core.remark(tile, [0.2], [7]), "first value");
});

check("a course of one colour is drawn as an image without script", () => {
  const url = core.sparkline([1, NaN, 2, 3], "#0072B2");
  assert.ok(url.startsWith("data:image/svg+xml,"));
  assert.ok(!decodeURIComponent(url).includes("NaN"));
  assert.equal(core.sparkline([1], "#000000"), "");
  const flat = decodeURIComponent(core.sparkline([1, 1 + 1e-15, 1], "#000000"));
  assert.ok(flat.includes('points="1.0,27.0 44.5,27.0 88.0,27.0"'), flat);
});

check("a time is UTC, and local in the tooltip", () => {
  assert.equal(core.utc(1767225600), "2026-01-01 00:00 UTC");
  assert.match(core.local(1767225600), /local time$/);
  assert.deepEqual([core.utc(NaN), core.local(NaN)], ["–", ""]);
});

check("the worst health comes first and each is a shape and a word", () => {
  assert.deepEqual(["healthy", "unknown", "critical", "warning"].sort(core.byHealth), ["critical", "warning", "healthy", "unknown"]);
  assert.equal(new Set(["critical", "warning", "healthy", "else"].map((name) => core.health(name).mark)).size, 4);
});

run();
