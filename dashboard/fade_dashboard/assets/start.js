// How a page begins: the numbers of a run first, then the frame around them, which takes longer.
(function () {
  "use strict";
  const page = window.fadewatchPage;
  const LATEST_MS = 3000;      // the frame does not wait longer
  const RETRY_MS = 3000;

  // Let Dash's scripts go, in their order; the last one starts it.
  async function frame() {
    const waiting = [...document.getElementById("frame-scripts").content.querySelectorAll("script")];
    const loaded = [];
    for (const one of waiting) {
      const script = document.createElement("script");
      for (const { name, value } of one.attributes) script.setAttribute(name, value);
      script.async = false;
      script.textContent = one.textContent;
      if (script.src) loaded.push(new Promise((done, failed) => Object.assign(script, { onload: done, onerror: failed })));
      else await Promise.all(loaded);
      document.body.append(script);
    }
  }

  // Without all of its scripts there is no frame: begin anew as soon as the service answers.
  async function again() {
    window.fadewatchBoard.say("Connection lost, reconnecting…");
    const pause = () => new Promise((done) => setTimeout(done, RETRY_MS));
    do await pause(); while (!(await fetch("/healthz").catch(() => null))?.ok);
    window.location.reload();
  }

  const begin = () => frame().catch(again);
  const view = window.fadewatchShell.viewNow();
  const [place, run] = window.fadewatchShell.placeOf(window.location.pathname);
  if (place === "run" && view.tab === "health" && !document.hidden) {
    window.fadewatchBoard.early(view.dark);
    page.open(place, run, view);
    Promise.race([page.settled, new Promise((done) => setTimeout(done, LATEST_MS))]).then(begin);
  } else {
    begin();
  }
})();
