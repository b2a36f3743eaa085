// Small line drawings, and the plain chart where uPlot is not installed.

import { svg } from "./dom.js";

const WIDTH = 300;
const HEIGHT = 100;
const LEAST = 8;
const FEW_TIMES = 4;

/**
 * Where a scale ends: at the greatest value, or lower where a few of them would flatten all others.
 * Larger values are drawn at the edge, with their number.
 */
export function scaleTop(values) {
  const sorted = [...values].sort((one, other) => other - one);
  const usual = sorted[Math.max(1, Math.ceil(sorted.length / 20))] ?? 0;
  const limit = sorted.length >= LEAST && usual > 0 ? FEW_TIMES * usual : Infinity;
  return Math.max(1, sorted.find((value) => value <= limit) ?? 0);
}

const across = (values, place) => ((place * WIDTH) / Math.max(1, values.length - 1)).toFixed(1);

function line(values, most) {
  const y = (value) => (HEIGHT - 2 - (Math.min(value, most) / most) * (HEIGHT - 6)).toFixed(1);
  const points = values.flatMap((value, place) =>
    value === null ? [] : [`${across(values, place)} ${y(value)}`],
  );
  return points.length ? `M${points.join("L")}` : "";
}

/**
 * Draw values as a line over an area; *before*: the dashed line of the comparison period. null: nothing
 * was recorded yet, and nothing is drawn.
 */
export function drawing(values, { kind = "spark", before = [] } = {}) {
  const most = scaleTop([...values, ...before].map((value) => value ?? 0));
  const path = line(values, most);
  const first = values.findIndex((value) => value !== null);
  return svg(
    "svg",
    { class: kind, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    path &&
      svg("path", {
        class: "under",
        d: `${path}L${WIDTH} ${HEIGHT}L${across(values, first)} ${HEIGHT}Z`,
      }),
    before.length > 1 && svg("path", { class: "before", d: line(before, most) }),
    svg("path", { d: path }),
  );
}
