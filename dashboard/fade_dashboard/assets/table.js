// Cells of the table of runs. React escapes every text that is put into them.
(function () {
  "use strict";
  const core = window.fadewatchCore;
  const cells = (window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {});
  const formats = (window.dashAgGridFunctions = window.dashAgGridFunctions || {});
  const h = (...args) => window.React.createElement(...args);

  cells.FadewatchRun = ({ data }) => h("a", {
    href: window.fadewatchPage.runHref(data.id),
    className: "run-link",
    title: data.name,
    onClick: (event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey) return; // the browser opens a tab
      event.preventDefault();
      window.fadewatchShell.openRun(data.id);
    },
  }, data.name);

  cells.FadewatchStatus = ({ value }) => {
    const { mark, word, tone } = core.status(value);
    return h("span", { className: `badge ${tone}` }, h("span", { "aria-hidden": "true" }, mark), ` ${word}`);
  };

  formats.fadewatchStep = (value) => core.count(value);
  formats.fadewatchNumber = (value) => core.number(value);
  formats.fadewatchPercent = (value) => core.number(value, "percent");
  formats.fadewatchAge = (value) => core.age(value);
})();
