// The part of a run's page that shows numbers: plain elements, made of what the server side says.
// It is there before the frame around it, and costs the frame nothing when it changes.
(function () {
  "use strict";
  const page = window.fadewatchPage;
  const NAMES = { className: "class", tabIndex: "tabindex", colSpan: "colspan" };
  const EARLY = "early";       // where it is while there is no frame
  const worn = new WeakMap();  // element -> the properties it was last given, as text
  let board = null, run = null;

  // A component of dash.html as an element. Text is only ever text.
  function element(made) {
    if (made === null || typeof made !== "object") return document.createTextNode(made ?? "");
    const node = document.createElement(made.type);
    dress(node, made.props);
    return node;
  }

  function dress(node, { children, style, ...attributes }) {
    for (const [name, value] of Object.entries(attributes)) {
      if (value === null || value === undefined || value === false) node.removeAttribute(NAMES[name] || name);
      else node.setAttribute(NAMES[name] || name, name === "id" ? page.domId(value) : value);
    }
    Object.assign(node.style, style);
    if (children !== undefined) node.replaceChildren(...[children].flat().map(element));
  }

  // Whether an element is the board's; then it has these properties now.
  function dressed(node, props, key) {
    if (!board?.contains(node)) return false;
    if (worn.get(node) !== key) dress(node, props);
    worn.set(node, key);
    return true;
  }

  // Of which run it is; another one begins without anything.
  function keep(id) {
    if (id === run) return;
    board?.remove();
    [board, run] = [null, id];
  }

  // Make it, or add the panels that it has not yet.
  function make(components) {
    const made = element({ type: "Div", props: { id: "board", children: components } });
    if (board) {
      for (const section of made.querySelectorAll("#more section")) {
        if (!document.getElementById(section.id)) board.querySelector("#more .grid").append(section);
      }
      board.querySelector("#more h2").className = made.querySelector("#more h2").className;
    } else {
      board = made;
      place();
    }
  }

  // Put it where the page has a place for it.
  function place() {
    const slot = document.getElementById("board-slot");
    if (document.querySelector("#page > *")) document.getElementById(EARLY)?.remove(); // the frame is there
    const parent = slot || document.querySelector(`#${EARLY} main`);
    if (board && parent && board.parentNode !== parent) parent.append(board);
  }

  // A place for it as long as there is no frame, which looks as the frame will.
  function early(dark) {
    document.documentElement.dataset.mantineColorScheme = dark ? "dark" : "light";
    const part = (type, className, ...children) => ({ type, props: { className, children } });
    const head = part("Header", "head", part("Span", "logo"), part("Span", "brand", "Fadewatch"));
    document.body.prepend(element({ type: "Div", props: { id: EARLY, children: [head, part("Main", "", part("P", "hidden"))] } }));
  }

  // Say there what the frame would.
  function say(words) {
    const place = document.querySelector(`#${EARLY} p`);
    if (place) Object.assign(place, { textContent: words, className: "offline" });
  }

  window.fadewatchBoard = { dressed, keep, make, place, early, say, isThere: () => Boolean(board?.isConnected) };
})();
