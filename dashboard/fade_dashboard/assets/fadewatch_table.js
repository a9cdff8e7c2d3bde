// Cells of the table of runs. React escapes every text that is put into them.
(function () {
  "use strict";
  const core = window.fadewatchCore;
  const page = window.fadewatchPage;
  const cells = (window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {});
  const functions = (window.dashAgGridFunctions = window.dashAgGridFunctions || {});
  const h = (...args) => window.React.createElement(...args);

  cells.FadewatchRun = ({ data }) => h("a", {
    href: data.members ? `${page.base()}compare?runs=${data.members.map(encodeURIComponent).join(",")}&grouped=1` : page.runHref(data.id),
    className: "run-link",
    title: data.headline ? `${data.name}\n${data.headline}` : data.name,
    onClick: (event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey) return; // the browser opens a tab
      event.preventDefault();
      window.fadewatchList.openRow(data.id);
    },
  }, data.name);

  const badge = ({ mark, word, tone }, ...more) =>
    h("span", { className: `badge ${tone}` }, h("span", { "aria-hidden": "true" }, mark), ` ${word}`, ...more);

  cells.FadewatchStatus = ({ value }) => badge(core.status(value));

  cells.FadewatchHealth = ({ value, data }) => {
    const open = data.open ? Object.values(data.open).reduce((sum, n) => sum + n, 0) : 0;
    return h("span", { title: data.headline || undefined }, badge(core.health(value), open ? ` · ${open}` : ""));
  };

  const FORMS = {
    fadewatchStep: (value) => core.count(value),
    fadewatchNumber: (value) => core.number(value),
    fadewatchPercent: (value) => core.number(value, "percent"),
    fadewatchAge: (value) => core.age(value),
    fadewatchDay: (value) => core.utc(value),
  };

  cells.FadewatchNumber = ({ value, data, form, colDef }) => {
    const spread = data.spread?.[colDef.field];
    const local = form === "fadewatchDay" ? core.local(value) : form === "fadewatchAge" ? core.utc(Date.now() / 1000 - value) : undefined;
    const more = Number.isFinite(spread) ? [h("span", { className: "spread", key: "s" }, ` ± ${FORMS[form](spread)}`)] : [];
    return h("span", { className: "cell-number", title: local }, FORMS[form](value), ...more);
  };

  functions.fadewatchByHealth = ({ valueA, valueB }) => core.byHealth(valueA, valueB);

  // ------------------------------------------------------------------ courses
  const POINTS = 80, KEEP = 0.8, AT_ONCE = 4, FRESH_MS = 10_000;
  const COLOURS = { accuracy: ["#0072B2", "#4DA3E0"], entropy: ["#009E73", "#2BB58B"] };
  const courses = new Map();   // "run" -> {count, at, series}
  const waiting = [];
  let running = 0;

  // Accuracy and entropy of a run at a few points, read together; kept until the run goes on.
  function courseOf(id, count) {
    const kept = courses.get(id);
    if (kept && (kept.count === count || Date.now() - kept.at < FRESH_MS)) return kept.series;
    const series = new Promise((done) => { waiting.push({ id, done }); next(); });
    courses.set(id, { count, at: Date.now(), series });
    return series;
  }

  function next() {
    if (running >= AT_ONCE || !waiting.length) return;
    running += 1;
    const { id, done } = waiting.shift();
    const metrics = Object.keys(COLOURS).filter((name) => window.fadewatchList.names().get(id)?.metrics.includes(name));
    const answer = metrics.length ? page.ask(core.seriesUrl(id, metrics, { from: null, to: null }, POINTS)).then((got) => got.arrayBuffer()) : Promise.resolve(null);
    answer.then((buffer) => done(buffer ? core.decode(buffer).series : {}), () => done({}))
      .finally(() => { running -= 1; next(); });
  }

  // Only rows on the screen have cells, so only they are asked for.
  function Course({ data, value, metric }) {
    const colour = COLOURS[metric][Number(document.documentElement.dataset.agThemeMode === "dark")];
    const [picture, show] = window.React.useState("");
    window.React.useEffect(() => {
      let here = true;
      if (!data.members) courseOf(data.id, value).then((series) => {
        if (!here) return;
        const { value: values = [], step = [] } = series[metric] || {};
        show(core.sparkline(core.ema(values, KEEP, step), colour, 80, 26));
      });
      return () => { here = false; };
    }, [data.id, value, metric, colour]);
    return picture ? h("img", { src: picture, alt: "", className: "course" }) : null;
  }
  cells.FadewatchCourse = (props) => h(Course, props);
})();
