// The chart of a time series, by uPlot where it is installed, and the same numbers as a table.

import { annotationList, instantOf, marks } from "./annotations.js";
import { el, named, owned, update } from "./dom.js";
import { count, date, list, signed } from "./format.js";
import { t } from "./messages.js";
import { drawing, isolated, scaleTop } from "./spark.js";
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
/** Steps between the ticks of an hourly chart. */
const HOUR_STEPS = [...[1, 2, 3, 6, 12].map((hours) => hours * 3600), ...DAY_STEPS];
const SHORT = { day: "numeric", month: "short" };

/** A count; nothing was recorded yet: a dash. */
const formatted = (value) => (value === null ? "–" : count(value));
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/**
 * A chart that is updated with new points `{ start, value, beforeStart, before }`; `before` is null where there
 * is nothing to compare with. Where it `isWhole`, the scale holds every value. Its parts are the legend, the figure,
 * the annotations and the table.
 */
export class Chart {
  constructor() {
    this.legend = owned(el("p", { class: "chart-legend", "aria-hidden": "true" }));
    this.place = el("div", { class: "chart" });
    this.figure = owned(el("figure", {}, this.place));
    this.marks = owned(el("div", { class: "marks", "aria-hidden": "true" }));
    this.plot = null;
    this.series = null;
    new ResizeObserver(() => this.#resize()).observe(this.place);
    new MutationObserver(() => this.#make()).observe(document.documentElement, {
      attributes: true,
      attributeFilter: ["data-theme"],
    });
  }

  /** Show a series, and return the parts of the chart. */
  show(series) {
    const isLike = (name) => this.series?.[name] === series[name];
    series.hasBefore = series.points.some((point) => point.before !== null);
    const values = series.points.flatMap((point) => [point.value ?? 0, point.before ?? 0]);
    series.top = series.isWhole ? Math.max(1, ...values) : scaleTop(values);
    const isSame = ["interval", "zone", "hasBefore", "name"].every(isLike);
    this.series = series;
    this.figure.setAttribute("aria-label", t("chart.label", { name: series.name }));
    if (!globalThis.uPlot) this.#drawPlain(series);
    else if (isSame && this.plot) this.plot.setData(dataOf(series));
    else this.#make();
    this.#point(this.plot?.cursor.idx ?? null);
    return [this.legend, this.figure, annotationList(series.annotations), numbers(series)];
  }

  #drawPlain(series) {
    const last = Math.max(1, series.points.length - 1);
    update(this.marks, marks(series.annotations, (each) => `${(100 * pointOf(series, each)) / last}%`));
    update(this.place, plain(series), this.marks);
  }

  /** Show the annotations over the plot, each at its point. */
  mark(plot) {
    const left = (each) => `${plot.valToPos(plot.data[0][pointOf(this.series, each)], "x").toFixed(1)}px`;
    if (this.marks.parentNode !== plot.over) plot.over.append(this.marks);
    update(this.marks, marks(this.series.annotations, left));
  }

  #resize() {
    if (!globalThis.uPlot || !this.place.clientWidth) return;
    if (this.plot) this.plot.setSize({ width: this.place.clientWidth, height: HEIGHT });
    else this.#make();
  }

  /** Draw the chart again, once it is on the page and has a width. */
  #make() {
    this.plot?.destroy();
    this.plot = null;
    if (!globalThis.uPlot || !this.series || !this.place.clientWidth) return;
    this.plot = new globalThis.uPlot(
      options(this, this.place.clientWidth, (place) => this.#point(place)),
      dataOf(this.series),
      this.place,
    );
  }

  /** Name the point under the cursor, and the one it is compared with; none: the lines. */
  #point(place) {
    const { points, name, hasBefore, top } = this.series;
    const point = points[place];
    const beyond = points.filter((each) => each.value > top);
    if (!point)
      return update(
        this.legend,
        el("span", { class: "key-line" }, name),
        hasBefore && el("span", { class: "key-line before" }, t("chart.comparison")),
        beyond.length > 0 &&
          el(
            "span",
            {},
            t("chart.beyond", {
              points: list(beyond.map((each) => `${date(each.start, this.series.zone, SHORT)} ${count(each.value)}`)).join(""),
            }),
          ),
      );
    update(
      this.legend,
      el("span", { class: "key-line" }, `${when(this.series, point.start)}: `, el("b", {}, formatted(point.value))),
      hasBefore &&
        point.beforeStart &&
        el("span", { class: "key-line before" }, `${when(this.series, point.beforeStart)}: ${formatted(point.before)}`),
      this.series.annotations
        .filter((each) => pointOf(this.series, each) === place)
        .map((each) => el("span", { data: { key: each.annotation_id } }, named(each.text))),
    );
  }
}

/** The place of the point in whose interval an annotation is. */
const pointOf = ({ points }, annotation) =>
  points.findLastIndex((point) => new Date(point.start) <= instantOf(annotation));

function when({ interval, zone }, start) {
  const text = date(start, zone, TIMES[interval]);
  return interval === "week" ? t("chart.week", { date: text }) : text;
}

const plain = ({ points, hasBefore, top }) =>
  drawing(
    points.map((point) => point.value),
    { kind: "plain-chart", most: top, before: hasBefore ? points.map((point) => point.before) : [] },
  );

const dataOf = ({ points, hasBefore }) => [
  points.map((point) => new Date(point.start).getTime() / 1000),
  points.map((point) => point.value),
  ...(hasBefore ? [points.map((point) => point.before)] : []),
];

/** The labels of moments in seconds, a number of seconds apart: what changes seldom is said where it does. */
function labels(moments, step, zone) {
  const written = (options) => (moment) => date(moment * 1000, zone, options);
  const [often, seldom] =
    step >= 360 * DAY_SECONDS
      ? [{ year: "numeric" }]
      : step >= 28 * DAY_SECONDS
        ? [{ month: "short" }, { year: "numeric" }]
        : step >= DAY_SECONDS
          ? [SHORT]
          : [{ hour: "2-digit", minute: "2-digit" }, SHORT];
  if (!seldom) return moments.map(written(often));
  const below = moments.map(written(seldom));
  return moments.map(written(often)).map((text, place) => (below[place] === below[place - 1] ? text : `${text}\n${below[place]}`));
}

function options(chart, width, showPoint) {
  const { interval, zone, hasBefore } = chart.series;
  const axis = {
    stroke: color("--quiet"),
    grid: { stroke: color("--line"), width: 1 },
    ticks: { show: false },
    font: `12px ${color("--sans")}`,
  };
  // A point without neighbours is no line.
  const alone = (fill) => ({
    show: true,
    size: 7,
    fill,
    filter: (plot, series) => isolated(plot.data[series]),
  });
  return {
    width,
    height: HEIGHT,
    padding: [8, 24, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { size: 7, fill: color("--line-1") } },
    tzDate: (seconds) => globalThis.uPlot.tzDate(new Date(seconds * 1000), zone),
    hooks: {
      setCursor: [(plot) => showPoint(plot.cursor.idx)],
      draw: [(plot) => markBeyond(plot, chart.series.top), (plot) => chart.mark(plot)],
    },
    scales: { y: { range: () => [0, Math.max(4, chart.series.top * 1.08)] } },
    axes: [
      {
        ...axis,
        size: 36,
        incrs: interval === "hour" ? HOUR_STEPS : DAY_STEPS,
        grid: { show: false },
        values: (_plot, ticks, _axis, _space, step) => labels(ticks, step, zone),
      },
      { ...axis, size: 52, incrs: WHOLE_STEPS, values: (_plot, ticks) => ticks.map(count) },
    ],
    series: [
      {},
      { stroke: color("--line-1"), width: 2, fill: color("--area"), points: alone(color("--line-1")) },
      ...(hasBefore
        ? [{ stroke: color("--line-2"), width: 1.5, dash: [4, 4], points: alone(color("--line-2")) }]
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

function numbers(series) {
  const { points, name, hasBefore } = series;
  const row = (point) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, when(series, point.start)),
      el("td", { class: "number" }, formatted(point.value)),
      hasBefore && el("td", { class: "quiet" }, point.beforeStart ? when(series, point.beforeStart) : "–"),
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
    el("summary", {}, t("chart.numbers")),
    table(
      t("chart.table", { name }),
      [
        [t("chart.from")],
        [name, "number"],
        hasBefore && [t("chart.compared")],
        hasBefore && [t("chart.then"), "number"],
        hasBefore && [t("chart.change"), "number"],
      ],
      points.map(row),
    ),
  );
}
