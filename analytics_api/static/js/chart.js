// The chart of a time series, by uPlot where it is installed, and the same numbers as a table.

import { el, put } from "./dom.js";
import { count, date, signed } from "./format.js";
import { drawing, scaleTop } from "./spark.js";
import { table } from "./table.js";

const HEIGHT = 240;
const TIMES = {
  hour: { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" },
  day: { weekday: "short", day: "numeric", month: "short", year: "numeric" },
  week: { day: "numeric", month: "short", year: "numeric" },
};

const WHOLE_STEPS = [...Array(9).keys()].flatMap((power) => [1, 2, 5].map((step) => step * 10 ** power));
const DAY_SECONDS = 86_400;
/** Between ticks of days and weeks there are whole days; months have 30 and years 365, for uPlot. */
const DAY_STEPS = [
  ...[1, 2, 3, 4, 5, 7, 10, 14],
  ...[1, 2, 3, 6].map((months) => 30 * months),
  ...[1, 2, 5, 10].map((years) => 365 * years),
].map((days) => days * DAY_SECONDS);
const SHORT = { day: "numeric", month: "short" };

/** A count; nothing was recorded yet: a dash. */
const formatted = (value) => (value === null ? "–" : count(value));
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/**
 * Draw a series: `points` of `{ start, value, before }`, `before` null where there was nothing.
 * Returns elements: what the cursor is at, the chart, and the numbers.
 */
export function timeChart({ points, name, interval, zone }) {
  const hasBefore = points.some((point) => point.before);
  const top = scaleTop(points.flatMap((point) => [point.value ?? 0, point.before ?? 0]));
  const beyond = points.filter((point) => point.value > top);
  const when = (point) =>
    `${interval === "week" ? "week of " : ""}${date(point.start, zone, TIMES[interval])}`;
  const at = el("p", { class: "chart-legend", "aria-hidden": "true" });
  const showPoint = (place) => {
    const point = points[place];
    if (!point)
      return put(
        at,
        el("span", { class: "key-line" }, name),
        hasBefore && el("span", { class: "key-line before" }, "comparison period"),
        beyond.length > 0 &&
          el(
            "span",
            {},
            `▲ beyond the scale: ${beyond.map((point) => `${date(point.start, zone, SHORT)} ${count(point.value)}`).join(", ")}`,
          ),
      );
    return put(
      at,
      el("span", {}, when(point)),
      el("span", { class: "key-line" }, el("b", {}, formatted(point.value))),
      hasBefore && el("span", { class: "key-line before" }, formatted(point.before)),
    );
  };
  showPoint(null);
  const place = el("div", { class: "chart" });
  if (globalThis.uPlot) drawWithLibrary(place, { points, hasBefore, interval, zone, showPoint, top });
  else
    place.append(
      drawing(
        points.map((point) => point.value),
        { kind: "plain-chart", before: hasBefore ? points.map((point) => point.before) : [] },
      ),
    );
  return [
    at,
    el("figure", { "aria-label": `${name} over time; the numbers follow as a table` }, place),
    numbers(points, { name, when, hasBefore }),
  ];
}

function drawWithLibrary(place, { points, hasBefore, interval, zone, showPoint, top }) {
  const data = [
    points.map((point) => new Date(point.start).getTime() / 1000),
    points.map((point) => point.value),
    ...(hasBefore ? [points.map((point) => point.before)] : []),
  ];
  let plot = null;
  function make() {
    plot?.destroy();
    plot = new globalThis.uPlot(
      options({ width: place.clientWidth || 600, hasBefore, interval, zone, showPoint, top }),
      data,
      place,
    );
  }
  // Not before it has a place on the page, as its width is needed.
  const watch = new ResizeObserver(() => {
    if (!place.isConnected) return watch.disconnect();
    if (plot) plot.setSize({ width: place.clientWidth, height: HEIGHT });
    else make();
  });
  watch.observe(place);
  new MutationObserver(() => place.isConnected && plot && make()).observe(document.documentElement, {
    attributes: true,
    attributeFilter: ["data-theme"],
  });
}

function options({ width, hasBefore, interval, zone, showPoint, top }) {
  const axis = {
    stroke: color("--quiet"),
    grid: { stroke: color("--line"), width: 1 },
    ticks: { show: false },
    font: `12px ${color("--sans")}`,
  };
  return {
    width,
    height: HEIGHT,
    padding: [8, 24, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { size: 7, fill: color("--line-1") } },
    tzDate: (seconds) => globalThis.uPlot.tzDate(new Date(seconds * 1000), zone),
    hooks: { setCursor: [(plot) => showPoint(plot.cursor.idx)], draw: [(plot) => markBeyond(plot, top)] },
    scales: { y: { range: () => [0, Math.max(4, top * 1.08)] } },
    axes: [
      {
        ...axis,
        size: 36,
        ...(interval === "hour" ? {} : { incrs: DAY_STEPS }),
        grid: { show: false },
        values: [
          [31_536_000, "{YYYY}", null, null, null, null, null, null, 1],
          [2_419_200, "{MMM}", "\n{YYYY}", null, null, null, null, null, 1],
          [DAY_SECONDS, "{D} {MMM}", null, null, null, null, null, null, 1],
          [3600, "{HH}:00", "\n{D} {MMM}", null, "\n{D} {MMM}", null, null, null, 1],
          [60, "{HH}:{mm}", "\n{D} {MMM}", null, "\n{D} {MMM}", null, null, null, 1],
        ],
      },
      { ...axis, size: 52, incrs: WHOLE_STEPS, values: (_plot, ticks) => ticks.map(count) },
    ],
    series: [
      {},
      { stroke: color("--line-1"), width: 2, fill: color("--area"), points: { show: false } },
      ...(hasBefore
        ? [{ stroke: color("--line-2"), width: 1.5, dash: [4, 4], points: { show: false } }]
        : []),
    ],
  };
}

function markBeyond(plot, top) {
  const [times, values] = plot.data;
  plot.ctx.fillStyle = color("--line-1");
  values.forEach((value, place) => {
    if (value <= top) return;
    const x = plot.valToPos(times[place], "x", true);
    const y = plot.bbox.top;
    const size = 6 * devicePixelRatio;
    plot.ctx.beginPath();
    plot.ctx.moveTo(x, y - size);
    plot.ctx.lineTo(x + size, y + size / 2);
    plot.ctx.lineTo(x - size, y + size / 2);
    plot.ctx.fill();
  });
}

function numbers(points, { name, when, hasBefore }) {
  const row = (point) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, when(point)),
      el("td", { class: "number" }, formatted(point.value)),
      hasBefore && el("td", { class: "number" }, formatted(point.before)),
      hasBefore &&
        el(
          "td",
          { class: "number" },
          point.before && point.value !== null
            ? signed((100 * (point.value - point.before)) / point.before)
            : "–",
        ),
    );
  return el(
    "details",
    { class: "numbers" },
    el("summary", {}, "Show the numbers"),
    table(
      `${name}, as a table`,
      [
        ["From"],
        [name, "number"],
        hasBefore && ["Period before", "number"],
        hasBefore && ["Change", "number"],
      ],
      points.map(row),
    ),
  );
}
