// Small line drawings, and the plain chart where uPlot is not installed.

import { svg } from "./dom.js";

const WIDTH = 300;
const HEIGHT = 100;

function line(values, most) {
  const step = WIDTH / Math.max(1, values.length - 1);
  return values.map((value, place) => `${place ? "L" : "M"}${(place * step).toFixed(1)} ${(HEIGHT - 2 - (value / most) * (HEIGHT - 6)).toFixed(1)}`).join("");
}

/** Draw values as a line over an area; *before*: the dashed line of the period before. */
export function drawing(values, { kind = "spark", before = [] } = {}) {
  const most = Math.max(1, ...values, ...before);
  const path = line(values, most);
  return svg(
    "svg",
    { class: kind, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    values.length > 1 && svg("path", { class: "under", d: `${path}L${WIDTH} ${HEIGHT}L0 ${HEIGHT}Z` }),
    before.length > 1 && svg("path", { class: "before", d: line(before, most) }),
    svg("path", { d: path }),
  );
}
