// Loads the dashboard's pure functions; run as: node some_checks.js path/to/assets "name of a check"
const assert = require("node:assert/strict");
const path = require("node:path");
const assets = path.resolve(process.argv[2]);
for (const name of ["core", "core_alerts", "core_axes", "core_fill", "core_forecast", "core_plots", "core_view", "core_words"]) require(path.join(assets, `${name}.js`));

const checks = {};
module.exports = {
  assert,
  core: globalThis.fadewatchCore,
  check: (name, body) => { checks[name] = body; },
  run: () => checks[process.argv[3]](),
};
