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

const isKnown = (value) => value !== null && value !== undefined;
/** The places of known values without a known neighbour, which no line shows. */
export const isolated = (values) =>
  [...values.keys()].filter(
    (place) => isKnown(values[place]) && !isKnown(values[place - 1]) && !isKnown(values[place + 1]),
  );

const across = (values, place) =>
  (values.length > 1 ? (place * WIDTH) / (values.length - 1) : WIDTH / 2).toFixed(1);
const down = (value, most) => (HEIGHT - 2 - (Math.min(value, most) / most) * (HEIGHT - 6)).toFixed(1);

/** The line through known values; a point is a line without length, drawn with round ends. */
function line(values, most) {
  const points = values.flatMap((value, place) =>
    value === null ? [] : [`${across(values, place)} ${down(value, most)}`],
  );
  return points.length ? `M${points.join("L")}${points.length > 1 ? "" : "h0"}` : "";
}

/**
 * Draw values as a line over an area; *before*: the dashed line of the comparison period. null: nothing
 * was recorded yet, and nothing is drawn. *most*: where the scale ends.
 */
export function drawing(values, { kind = "spark", before = [], most = null } = {}) {
  most ??= scaleTop([...values, ...before].map((value) => value ?? 0));
  const path = line(values, most);
  const first = values.findIndex((value) => value !== null);
  return svg(
    "svg",
    { class: kind, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    path &&
      values.length > 1 &&
      svg("path", {
        class: "under",
        d: `${path}L${WIDTH} ${HEIGHT}L${across(values, first)} ${HEIGHT}Z`,
      }),
    before.length > 1 && svg("path", { class: "before", d: line(before, most) }),
    svg("path", { class: values.length > 1 ? "line" : "line point", d: path }),
  );
}
