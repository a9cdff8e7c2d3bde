// Pure functions: what the address says about a view, and what an event says about the zoom.
(function (root) {
  "use strict";
  const core = (root.fadewatchCore ||= {});

  const list = { read: (text) => text.split(",").filter(Boolean), write: (names) => names.map(encodeURIComponent).join(",") };
  const choice = (...names) => ({ read: (text) => (names.includes(text) ? text : undefined), write: String });
  const flag = { read: (text) => (text === "1" || text === "0" ? text === "1" : undefined), write: (on) => (on ? "1" : "0") };
  const word = { read: (text) => text, write: encodeURIComponent };
  const number = (low, high) => ({
    read: (text) => { const value = Number.parseFloat(text); return value >= low && value < high ? value : undefined; },
    write: String,
  });
  const pair = {
    read: (text) => { const ends = text.split(":").map(Number); return ends.length === 2 && ends.every(Number.isFinite) && ends[0] < ends[1] ? ends : undefined; },
    write: (ends) => ends.map((x) => Number(x.toPrecision(7))).join(":"),
  };

  // name -> [default, form]; the order is that of the address.
  const PARTS = {
    runs: [[], list], compare: [[], list], tab: ["health", word], axis: ["step", choice("step", "tokens", "time")],
    smooth: [0.9, number(0, 1)], range: ["all", choice("all", "1000", "200")], zoom: [null, pair], log: [[], list],
    step: [null, number(0, 2 ** 53)], view: ["overlay", choice("overlay", "multiples", "difference")],
    grouped: [false, flag], baseline: ["", word], metrics: [[], list], at: [null, number(0, 2 ** 53)],
    q: ["", word], project: [[], list], status: [[], list], health: [[], list], tag: [[], list],
    state: ["open", choice("open", "firing", "acknowledged", "pending", "resolved", "all")],
    severity: ["", choice("", "critical", "warning", "info")], alert: [null, number(1, 2 ** 53)],
    alpha: [null, number(0, 2 ** 53)], delta: [null, number(0, 2 ** 53)], methods: [["fade", "grpo", "maxrl"], list],
    cols: [[], list], dark: [false, flag],
  };

  function parseView(search, storedDark) {
    const query = new URLSearchParams(search || "");
    const view = {};
    for (const [name, [initial, form]] of Object.entries(PARTS)) {
      const read = query.has(name) ? form.read(query.get(name)) : undefined;
      view[name] = read === undefined ? initial : read;
    }
    if (!query.has("dark")) view.dark = Boolean(storedDark);
    return view;
  }

  // The address that reproduces a view; what is at its default is left out.
  function composeSearch(view, storedDark) {
    const parts = [];
    for (const [name, [initial, form]] of Object.entries(PARTS)) {
      const usual = name === "dark" ? false : initial;
      const same = JSON.stringify(view[name]) === JSON.stringify(usual);
      if (!same || (name === "dark" && storedDark)) parts.push(`${name}=${form.write(view[name])}`);
    }
    return parts.length ? `?${parts.join("&")}` : "";
  }

  // The address that offers a proposed pair on the tab that steers.
  const proposalSearch = ({ alpha, delta }) => {
    const rounded = (value) => (value === null || value === undefined ? null : Math.round(100 * value) / 100);
    return composeSearch({ ...parseView("", false), tab: "steering", alpha: rounded(alpha), delta: rounded(delta) }, false);
  };

  // The controls that a person moved: a control also reports what it was just given.
  function changes(shown, given) {
    const moved = ([key, value]) => JSON.stringify(value) !== JSON.stringify(given[key]);
    return Object.fromEntries(Object.entries(shown).filter(moved));
  }

  // The zoom in a relayout event: [from, to], null for "all again", undefined for neither.
  function zoomIn(event) {
    for (const [key, value] of Object.entries(event || {})) {
      const axis = key.match(/^(xaxis\d*)\.(range\[0\]|range|autorange)$/);
      if (!axis) continue;
      if (axis[2] === "autorange") return null;
      return axis[2] === "range" ? value.slice() : [value, event[`${axis[1]}.range[1]`]];
    }
    return undefined;
  }

  // What is asked for as a query: a list as one part for each in it.
  function query(asked) {
    const parts = Object.entries(asked).flatMap(([name, value]) => [value].flat().map((one) => [name, String(one)]));
    return new URLSearchParams(parts).toString();
  }

  // Rows that fit the filters; a filter without a choice lets everything through.
  function fitting(runs, { q, project, status, health, tag }) {
    const words = (q || "").toLowerCase().split(/\s+/).filter(Boolean);
    const among = (chosen, values) => !chosen.length || values.some((value) => chosen.includes(value));
    return runs.filter((run) => {
      const text = [run.name, run.id, run.project, run.group || "", ...(run.tags || [])].join(" ").toLowerCase();
      return words.every((one) => text.includes(one)) && among(project, [run.project]) &&
        among(status, [run.status]) && among(health, [run.health || "unknown"]) && among(tag, run.tags || []);
    });
  }

  // Config of several runs -> the keys whose values are not all the same, nested ones by their path.
  function differing(configs) {
    const flat = configs.map((config) => flatten(config || {}));
    const keys = [...new Set(flat.flatMap((one) => Object.keys(one)))].sort();
    return keys
      .map((key) => ({ key, values: flat.map((one) => (key in one ? one[key] : undefined)) }))
      .filter(({ values }) => new Set(values.map((value) => JSON.stringify(value))).size > 1);
  }

  function flatten(value, path = "") {
    if (value === null || typeof value !== "object" || Array.isArray(value)) return { [path]: value };
    return Object.assign({}, ...Object.entries(value).map(([key, inner]) => flatten(inner, path ? `${path}.${key}` : key)));
  }

  // Series -> CSV in long form, one line a point; text is quoted, and no cell can be a formula.
  function csv(head, rows) {
    const cell = (value) => {
      if (typeof value === "number") return Number.isFinite(value) ? String(value) : Number.isNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
      const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value ?? "");
      return /[",\n\r]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
    };
    return [head, ...rows].map((row) => row.map(cell).join(",")).join("\n") + "\n";
  }

  Object.assign(core, { parseView, composeSearch, proposalSearch, changes, zoomIn, query, fitting, differing, csv });
})(typeof window === "undefined" ? globalThis : window);
