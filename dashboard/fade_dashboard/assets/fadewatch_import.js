// Logs of other tools as runs: a file that a person chooses, or the example that comes along.
(function () {
  "use strict";
  const core = window.fadewatchCore;
  const page = window.fadewatchPage;
  const PROJECT = "imported";

  // Only one of the two places is in sight: beside the table, or where there is no run yet.
  const say = (words, tone) => {
    for (const id of ["import-said", "import-note"]) page.give(id, { children: words, className: words ? tone : "hidden" });
  };

  // Have the service store it, and go to the run; of several runs, to the list.
  async function store(body, query) {
    say("Importing…", "dimmed");
    const answer = await fetch(`/api/v1/runs/import?${new URLSearchParams(query)}`, {
      method: "POST", body, credentials: "same-origin", headers: { ...window.fadewatchSession.changing(), "Content-Type": "application/octet-stream" },
    }).catch(() => null);
    const found = await answer?.json().catch(() => null);
    if (!answer?.ok) {
      say(answer ? core.capital(core.problem(found, answer.status)) : "The service is not reachable, so nothing was stored; try again", "steer-said bad");
      return;
    }
    say("");
    await window.fadewatchList.reread();
    if (found.runs.length === 1) window.fadewatchShell.openRun(found.runs[0].run.id);
  }

  function choose() {
    const field = document.createElement("input");
    field.type = "file";
    field.addEventListener("change", () => { const [file] = field.files; if (file) store(file, { project: PROJECT, filename: file.name }); });
    field.click();
  }

  async function example() {
    const body = await (await page.ask(`${page.base()}assets/example.jsonl`)).blob();
    return store(body, { project: "example", run_id: "example", format: "jsonl", filename: "example.jsonl" });
  }

  window.fadewatchImport = { choose, example };
})();
