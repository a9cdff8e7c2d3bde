// Keyboard shortcuts; what they are is told by the sheet that `?` opens.
(function () {
  "use strict";
  const core = window.fadewatchCore;
  const page = window.fadewatchPage;
  const { state } = page;
  let prefix = "", helping = false, panel = -1;

  const set = (id, props) => window.dash_clientside.set_props(id, props);
  const typing = ({ target }) => target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
  const inView = () => state.page !== null;

  function help(on = !document.querySelector(".shortcuts")) {
    helping = on;
    set("help", { opened: on });
  }

  function toggle(name) {
    const on = !state[name];
    set(name, { checked: on });
    state[name] = on;
    page.refresh();
  }

  function smooth(by) {
    const wanted = Math.min(0.99, Math.max(0, Math.round(100 * (state.view.smooth + by)) / 100));
    window.fadewatchShell.changeView({ smooth: wanted });
  }

  function nextAxis() {
    const all = ["step", "tokens", "time"];
    const tokens = page.idsInView().every((id) => state.bodies[id] && window.fadewatchNumbers.tokensOf(state.bodies[id]));
    const some = all.filter((name) => name !== "tokens" || tokens);
    window.fadewatchShell.changeView({ axis: some[(some.indexOf(state.view.axis) + 1) % some.length], zoom: null });
  }

  function logarithmic() {
    const under = document.querySelector("section[id^=panel-]:hover [data-act=log]");
    if (under) { window.fadewatchActions.toggleLog(under.dataset.key); return; }
    const keys = [...document.querySelectorAll("[data-act=log]")].map((button) => button.dataset.key);
    window.fadewatchShell.changeView({ log: state.view.log.length ? [] : keys });
  }

  function movePanel(by) {
    const sections = [...document.querySelectorAll("section[id^=panel-]")].filter((section) => section.offsetParent);
    if (!sections.length) return;
    panel = Math.min(sections.length - 1, Math.max(0, panel + by));
    sections[panel].scrollIntoView({ block: "center" });
    sections[panel].tabIndex = -1;
    sections[panel].focus({ preventScroll: true });
  }

  function search(event) {
    const field = document.getElementById("runs-search") || document.getElementById("compare");
    if (!field?.offsetParent) return;
    event.preventDefault();
    field.focus();
  }

  const unzoom = () => {
    Object.assign(state, { zooms: {}, view: { ...state.view, zoom: null } });
    window.fadewatchShell.changeView({ zoom: null }, true);
    page.refresh();
  };
  const dark = () => document.getElementById("dark").click();

  const KEYS = {
    "?": () => help(), "/": search, d: dark, x: () => inView() && nextAxis(), "[": () => inView() && smooth(-0.05),
    "]": () => inView() && smooth(0.05), l: () => inView() && logarithmic(), z: () => inView() && unzoom(),
    s: () => inView() && toggle("sync"), a: () => inView() && toggle("regions"), f: () => inView() && toggle("follow"),
    j: () => movePanel(1), k: () => movePanel(-1),
    "g r": () => window.fadewatchShell.go(page.base(), ""), "g c": () => window.fadewatchShell.go(`${page.base()}compare`, ""),
    "g a": () => window.fadewatchShell.go(`${page.base()}alerts`, ""),
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event)) return;
    page.whenFramed(() => pressed(event));
  });

  function pressed(event) {
    if (event.key === "Escape" && helping) { help(false); return; }
    const chord = prefix + event.key;
    prefix = event.key === "g" && !prefix ? "g " : "";
    KEYS[chord]?.(event);
  }

  window.fadewatchKeys = { help };
})();
