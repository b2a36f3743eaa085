// Small line drawings, and the plain chart where uPlot is not installed.

import { svg } from "./dom.js";

const WIDTH = 300;
const HEIGHT = 100;
const LEAST = 8;
const FEW_TIMES = 4;

/**
 * Where a scale ends: at the greatest value, or lower where a few of them would flatten all others.
 * What is beyond it is drawn at the edge; the chart tells its number.
 */
export function scaleTop(values) {
  const sorted = [...values].sort((one, other) => other - one);
  const usual = sorted[Math.max(1, Math.ceil(sorted.length / 20))] ?? 0;
  const limit = sorted.length >= LEAST && usual > 0 ? FEW_TIMES * usual : Infinity;
  return Math.max(1, sorted.find((value) => value <= limit) ?? 0);
}

function line(values, most) {
  const step = WIDTH / Math.max(1, values.length - 1);
  return values
    .map(
      (value, place) =>
        `${place ? "L" : "M"}${(place * step).toFixed(1)} ${(HEIGHT - 2 - (Math.min(value, most) / most) * (HEIGHT - 6)).toFixed(1)}`,
    )
    .join("");
}

/** Draw values as a line over an area; *before*: the dashed line of the period before. */
export function drawing(values, { kind = "spark", before = [] } = {}) {
  const most = scaleTop([...values, ...before]);
  const path = line(values, most);
  return svg(
    "svg",
    { class: kind, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    values.length > 1 && svg("path", { class: "under", d: `${path}L${WIDTH} ${HEIGHT}L0 ${HEIGHT}Z` }),
    before.length > 1 && svg("path", { class: "before", d: line(before, most) }),
    svg("path", { d: path }),
  );
}
