// The pictures of the panels: drawn straight into their places. As components they would pass
// through all of the page's state, and each be drawn once more while it is empty.
(function () {
  "use strict";
  const page = window.fadewatchPage;
  const LIBRARY = "_dash-component-suites/plotly/package_data/plotly.min.js";
  const drawn = new Set();     // places that hold a picture
  let library = null;

  // The library that draws, asked for once.
  function plotly() {
    library ||= new Promise((done, failed) => {
      const config = JSON.parse(document.getElementById("_dash-config").textContent);
      const script = document.createElement("script");
      script.src = `${config.requests_pathname_prefix}${LIBRARY}?m=${config.plotly_version}`;
      script.onload = () => done(window.Plotly);
      script.onerror = () => { library = null; script.remove(); failed(new TypeError("the library that draws did not come")); };
      document.head.append(script);
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
    const config = JSON.parse(document.getElementById("shell-base").dataset.graph);
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

  // a page with panels needs it soon: it comes while the page is put together
  if (/\/(runs\/[^/]+|compare)\/?$/.test(window.location.pathname)) plotly().catch(() => {});

  window.fadewatchGraphs = { plotly, draw, tidy, isDrawn };
})();
