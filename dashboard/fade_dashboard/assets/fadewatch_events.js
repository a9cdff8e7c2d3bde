// What happens in the service, as a signal to read again: one stream a visible tab.
(function () {
  "use strict";
  const page = window.fadewatchPage;
  const { state } = page;
  const READERS = ["page", "list", "alerts", "steering"];
  const RETRY_MS = 3000, POLL_MS = 5000, GLAD_MS = 4000;
  const news = new Set(READERS);   // who has not read yet what happened
  let source = null, address = "", retryAt = 0, polledAt = Date.now(), lost = false, gladUntil = 0;

  const wake = (readers = READERS) => readers.forEach((reader) => news.add(reader));

  // Whether something happened since this reader asked before.
  const take = (reader) => news.delete(reader);

  const wanted = () => (state.page === "run" && state.run ? `/api/v1/runs/${encodeURIComponent(state.run)}/events` : "/api/v1/events");

  // Keep the stream that the page needs.
  function follow() {
    const now = Date.now();
    if (gladUntil && now > gladUntil) { gladUntil = 0; page.connection("", ""); }
    if (document.hidden) { close(); return; }
    if (address !== wanted() || (source?.readyState ?? EventSource.CLOSED) === EventSource.CLOSED) {
      if (address === wanted() && now < retryAt) return;
      open();
    }
    // behind something that holds streams back, ask now and then
    if (source.readyState !== EventSource.OPEN && now - polledAt > POLL_MS) { polledAt = now; wake(); }
  }

  function close() {
    source?.close();
    source = null;
    address = "";
  }

  function open() {
    close();
    address = wanted();
    retryAt = Date.now() + RETRY_MS;
    source = new EventSource(address);
    source.addEventListener("open", opened);
    source.addEventListener("error", failed);
    for (const name of ["step", "status"]) source.addEventListener(name, (event) => heard(event, ["page", "list"]));
    source.addEventListener("schedule", (event) => heard(event, ["page", "list", "steering"]));
    source.addEventListener("alert", (event) => heard(event, READERS));
  }

  function opened() {
    polledAt = Date.now();
    wake();
    if (!lost) return;
    lost = false;
    gladUntil = Date.now() + GLAD_MS;
    page.connection("Live again", "glad");
  }

  function failed() {
    retryAt = Date.now() + RETRY_MS;
    if (document.hidden) return;
    lost = true;
    gladUntil = 0;
    page.connection("Connection lost, reconnecting…", "");
  }

  function heard({ data }, readers) {
    const { run } = JSON.parse(data);
    const other = run && state.page === "compare" && !page.idsInView().includes(run);
    wake(other ? readers.filter((reader) => reader !== "page") : readers);
  }

  // By the clock, once a second.
  function live() {
    follow();
    window.fadewatchList.listRuns();
    window.fadewatchAlerts.tick();
    window.fadewatchSteering.tick();
    window.fadewatchMethods.tick();
    window.fadewatchSettings.tick();
    window.fadewatchDiagnosis.tick();
  }

  document.addEventListener("visibilitychange", () => { if (document.hidden) close(); else { wake(); follow(); } });
  // a page that is left must not say that it lost its connection
  window.addEventListener("pagehide", close);

  window.fadewatchEvents = { wake, take };
  window.dash_clientside.fadewatch = { ...window.dash_clientside.fadewatch, live };
})();
