// Who is logged in: show the way out, and give every change the token of the session.
(function () {
  "use strict";
  const cookie = (name) => document.cookie.split("; ")
    .find((part) => part.startsWith(`${name}=`))?.slice(name.length + 1) ?? "";

  // Headers that a change (POST, PUT, PATCH, DELETE) must carry; Dash adds them to its own.
  const changing = () => ({ "X-CSRFToken": cookie("_csrf_token") });

  async function whoAmI() {
    const caller = await window.fadewatchChange.me().catch(() => null);
    if (!caller?.login) return ["", "hidden"];
    return [`${caller.name}: log out`, "log-out"];
  }

  window.fadewatchSession = { changing };
  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.fadewatch = { ...window.dash_clientside.fadewatch, whoAmI };
})();
