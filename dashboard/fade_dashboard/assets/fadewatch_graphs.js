// The pictures of the panels: drawn straight into their places. As components they would pass
// through all of the page's state, and each be drawn once more while it is empty.
(function () {
  "use strict";
  const page = window.fadewatchPage;
  const drawn = new Set();     // places that hold a picture
  let library = null;

  // The library that draws: the page's head asked for it. One that did not come is asked for again.
  function plotly() {
    library ||= new Promise((done, failed) => {
      if (window.Plotly) { done(window.Plotly); return; }
      let script = document.querySelector("script[src*='/plotly.js?']");
      if (script.dataset.failed) {
        const again = document.createElement("script");
        again.src = script.src;
        script.replaceWith(again);
        script = again;
      }
      script.addEventListener("load", () => done(window.Plotly));
      script.addEventListener("error", () => { library = null; script.dataset.failed = "1"; failed(new TypeError("the library that draws did not come")); });
    });
    return library;
  }

  const sizes = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const { width, height } = target._fullLayout || {};
      const other = Math.abs(target.clientWidth - width) > 1 || Math.abs(target.clientHeight - height) > 1;
      if (target.offsetParent && other) window.Plotly.Plots.resize(target);
    }
  });

  const placeOf = (key) => document.getElementById(`graph-${key}`);

  // Draw a figure into its panel; the library is there.
  function draw(key, { data, layout }) {
    const place = placeOf(key);
    if (!place) return;
    const config = JSON.parse(document.body.dataset.graph);
    // plotly writes what it chose into the layout, which shares its axes with the template
    window.Plotly.react(place, data, structuredClone(layout), config);
    if (drawn.has(place)) return;
    drawn.add(place);
    sizes.observe(place);
    place.on("plotly_relayout", (event) => page.zoomed(key, event));
  }

  // Let go of the places that have left the page.
  function tidy() {
    for (const place of drawn) {
      if (place.isConnected) continue;
      drawn.delete(place);
      sizes.unobserve(place);
      window.Plotly.purge(place);
    }
  }

  const isDrawn = (key) => drawn.has(placeOf(key));

  window.fadewatchGraphs = { plotly, draw, tidy, isDrawn };
})();
