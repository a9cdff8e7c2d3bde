// One check a promise of other axes, of means over seeds, and of pictures.
const { assert, core, check, run } = require("./checking.js");
const series = (step, value) => ({ step: Float64Array.from(step), value: Float64Array.from(value) });
const filled = (meta, given, layout = {}) => core.fill({ data: [{ type: "scatter", meta: { sign: 1, ...meta } }], layout }, given, [0, 10], "");

check("between two points there is a straight line and outside nothing", () => {
  assert.deepEqual([0, 5, 10, 11, -1].map((x) => core.interpolate([0, 10], [2, 4], x)), [2, 3, 4, NaN, NaN]);
});

check("an axis of time starts at the first step and gives steps back", () => {
  const axis = core.axisFrom("time", series([0, 10, 20], [1000, 1060, 1180]));
  assert.deepEqual([...core.place(axis, [0, 5, 20])], [0, 30, 180]);
  assert.equal(core.unplace(axis, 30), 5);
  assert.deepEqual(core.place(null, [7]), [7]);
});

check("an axis does not fold where a clock was set back", () => {
  const { x } = core.axisFrom("time", series([0, 1, 2, 3], [100, 110, 50, 120]));
  assert.deepEqual([...x], [0, 10, 10, 20]);
  assert.equal(core.axisFrom("tokens", series([0, 1], [5, 5])), null);
});

check("a run without the axis is not drawn on it", () => {
  const given = { series: { a: { x: series([0, 1], [1, 2]) } }, axes: { a: false }, kind: "tokens" };
  assert.ok(Number.isNaN(filled({ run: "a", metric: "x" }, given).data[0].y[0]));
});

check("the interval of three seeds is Student's", () => {
  const { mean, low, high } = core.meanAndInterval([1, 2, 3]);
  assert.equal(mean, 2);
  assert.ok(Math.abs(high - (2 + 4.303 / Math.sqrt(3))) < 1e-9 && Math.abs(low - (2 - 4.303 / Math.sqrt(3))) < 1e-9);
  assert.ok(Number.isNaN(core.meanAndInterval([5]).low));
});

check("seeds are averaged where they are, not where they are not", () => {
  const { x, y } = core.aggregate([{ x: [0, 10], y: [0, 10] }, { x: [0, 5], y: [2, 7] }], "mean", 3);
  assert.deepEqual([[...x], [...y]], [[0, 10], [1, 10]]);
  const three = core.aggregate([{ x: [0, 5, 10], y: [0, 5, 10] }, { x: [0, 5], y: [2, 7] }], "mean", 3);
  assert.deepEqual([[...three.x], [...three.y]], [[0, 5, 10], [1, 6, 10]]);
});

check("a run less its baseline is zero where both agree and a gap where one is missing", () => {
  const given = { series: { a: { x: series([0, 1, 2, 3], [1, 2, 3, 4]) }, b: { x: series([0, 2], [1, 3]) } } };
  const { y } = filled({ run: "a", metric: "x", minus: "b" }, given).data[0];
  assert.deepEqual([...y], [0, 0, 0, NaN]);
});

check("the edge of an error band is the curve and its error", () => {
  const given = { series: { a: { x: series([0, 1], [1, 2]), e: series([0, 1], [0.5, 0.25]) } } };
  assert.deepEqual([...filled({ run: "a", metric: "x", plus: "e", factor: -2 }, given).data[0].y], [0, 1.5]);
});

check("a picture has the mean of each of its columns", () => {
  const steps = [...Array(120).keys()];
  const given = { series: { a: { b0: series(steps, steps.map((s) => s % 2)), b1: series([0, 119], [0.25, 0.75]) } } };
  const { z, x } = filled({ run: "a", metrics: ["b0", "b1"], kind: "heat" }, given).data[0];
  assert.deepEqual([z.length, z[0].length, x.length], [2, 60, 61]);
  assert.ok(z[0].slice(0, 59).every((v) => v === 0.5));
  assert.deepEqual([z[1][0], z[1][30], z[1][59]], [0.25, null, 0.75]);
});

check("a profile shows no weight for bins that are empty", () => {
  const given = { series: { a: { w0: series([0], [3]), w1: series([0], [0]), h0: series([0], [1]), h1: series([0], [0]) } } };
  const { x } = filled({ run: "a", metrics: ["w0", "w1"], where: ["h0", "h1"], kind: "profile", part: "last" }, given).data[0];
  assert.deepEqual(x, [3, NaN]);
});

check("pass@k is the newest evaluation at or before the step", () => {
  const given = { series: { a: { p1: series([0, 20, 40], [0.1, 0.2, 0.3]) } } };
  const at = (step) => filled({ run: "a", metrics: ["p1"], kind: "pass_at_k" }, { ...given, at: step }, { meta: { steps: [] } }).data[0].y[0];
  assert.deepEqual([at(null), at(39), at(20)], [0.3, 0.2, 0.2]);
  assert.ok(Number.isNaN(at(-1)));
});

check("a logarithmic axis drops the limits of the linear one", () => {
  const layout = { xaxis: {}, yaxis: { range: [0, 1], rangemode: "tozero" } };
  const made = filled({ run: "a", metric: "x" }, { series: { a: { x: series([0, 1], [1, 10]) } }, log: true }, layout).layout.yaxis;
  assert.deepEqual([made.type, made.range, made.rangemode], ["log", undefined, undefined]);
});

check("the rounding of a constant does not choose the range", () => {
  const given = { series: { a: { x: series([0, 1, 2], [1, 1 + 2e-16, 1]) } } };
  const [low, high] = filled({ run: "a", metric: "x" }, given, { xaxis: {}, yaxis: {} }).layout.yaxis.range;
  assert.ok(low < 0.6 && high > 1.4);
});

check("an alert is a region from its onset with its name, until it was resolved", () => {
  const alert = { id: 3, severity: "critical", detector: "entropy_collapse", onset_step: 10, resolved_step: null };
  const { shapes, annotations } = core.regions([alert], (s) => 2 * s, 50, null, "#000", [0, 100]);
  assert.deepEqual([shapes[0].x0, shapes[0].x1, annotations[0].text], [20, 100, "▲ A3"]);
  assert.equal(core.regions([{ ...alert, resolved_step: 30 }], (s) => s, 50, null, "#000", [0, 50]).shapes[0].x1, 30);
  assert.equal(core.regions([], (s) => s, 50, 7, "#000", [0, 50]).shapes[0].x0, 7);
});

check("alerts that have no room for their names keep their regions, and the most urgent is named", () => {
  const alert = (id, severity, onset_step) => ({ id, severity, detector: "kl_runaway", onset_step, resolved_step: null });
  const { shapes, annotations } = core.regions([alert(1, "warning", 50), alert(2, "critical", 51), alert(3, "warning", 90), alert(4, "critical", 200)], (s) => s, 100, null, "#000", [0, 100]);
  assert.equal(shapes.length, 8);
  assert.deepEqual(annotations.map(({ text }) => text), ["▲ A2", "◆ A3"]);
});

check("a pin is a stretch until its release, and one without release goes on", () => {
  const trail = [[5, "override"], [6, "override"], [9, "fade"], [20, "override"]].map(([step, source]) => ({ step, source }));
  assert.deepEqual(core.pinned(trail), [[5, 9], [20, null]]);
  const { shapes, annotations } = core.overrideRegions(core.pinned(trail), (s) => s, 30, "#000");
  assert.deepEqual(shapes.map(({ x0, x1 }) => [x0, x1]), [[5, 9], [20, 30]]);
  assert.equal(annotations.length, 2);
});

const forecast = { floor: 0.2, step: 130, earliest: 120, latest: 140 };

check("a forecast goes from the entropy to its floor, between the earliest and the latest step", () => {
  const { shapes, annotations } = core.forecastMarks(forecast, 100, 0.5, "#000");
  assert.deepEqual(shapes.slice(0, 2).map(({ path }) => path), ["M 100,0.5 L 120,0.2 L 140,0.2 Z", "M 100,0.5 L 130,0.2"]);
  assert.equal(annotations[0].text, "floor 0.20");
  for (const nothing of [core.forecastMarks(null, 100, 0.5, ""), core.forecastMarks(forecast, 140, 0.5, ""), core.forecastMarks(forecast, 100, NaN, "")]) assert.deepEqual(nothing, { shapes: [], annotations: [] });
});

check("the axis makes room for a forecast, and for a far one only a quarter", () => {
  assert.equal(core.forecastEnd(forecast, 0, 200), 200);
  assert.equal(core.forecastEnd(forecast, 0, 130), 140);
  assert.equal(core.forecastEnd({ ...forecast, latest: null }, 0, 120), 130);
  assert.equal(core.forecastEnd({ ...forecast, latest: 900 }, 0, 100), 125);
  assert.equal(core.forecastEnd(null, 0, 100), 100);
});

check("a histogram counts every number once, and knows bins of one value", () => {
  const { edges, counts } = core.histogram([[0, 1, 1, NaN], [0.5]], 4);
  assert.deepEqual([edges[0], edges[4]], [0, 1]);
  assert.deepEqual(counts, [[1, 0, 0, 2], [0, 0, 1, 0]]);
  assert.equal(core.histogram([[2, 2]], 3).counts[0].reduce((a, b) => a + b), 2);
  assert.deepEqual(core.histogram([[]]).counts, [[]]);
});

check("an answer in units of time is told in the largest that fits", () => {
  assert.deepEqual([30, 600, 9000, 400000].map((s) => core.timeUnit(s)[1]), ["s", "min", "h", "d"]);
});

run();
