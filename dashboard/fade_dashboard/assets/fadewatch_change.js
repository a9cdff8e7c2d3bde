// Changes that a person makes: sent with the token of the session, and refused in words.
(function () {
  "use strict";
  const core = window.fadewatchCore;
  const page = window.fadewatchPage;

  class Declined extends Error {
    constructor(status, words) { super(words); this.status = status; this.final = true; }
  }

  // Send a change and return the answer; a refusal is an error in the service's own words.
  async function send(method, url, body) {
    let answer;
    try {
      answer = await fetch(url, { method, credentials: "same-origin", headers: { "Content-Type": "application/json", ...window.fadewatchSession.changing() }, body: body === undefined ? undefined : JSON.stringify(body) });
    } catch {
      throw new Declined(0, "the service is not reachable, so nothing was changed; try again");
    }
    const found = await answer.json().catch(() => null);
    if (!answer.ok) throw new Declined(answer.status, core.problem(found, answer.status));
    return found;
  }

  let caller = null;
  // Who looks, and what they may do. A service without keys lets everybody do everything.
  async function me() {
    caller ||= page.ask("/api/v1/me").then((answer) => answer.json(), (error) => {
      if (error.status !== 404) { caller = null; throw error; }
      return { name: "", scopes: ["admin"], project: null, login: false };
    });
    return caller;
  }

  // Whether they have a scope; where not, why not.
  async function may(scope) {
    const { name, scopes } = await me();
    if (scopes.includes(scope) || scopes.includes("admin")) return "";
    return `${name ? `“${name}” has` : "You have"} the scope ${scopes.join(", ") || "nothing"}; this needs ${scope}.`;
  }

  window.fadewatchChange = { send, me, may };
})();
