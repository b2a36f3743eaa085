// The chart of a post's engagement by its age, over the bands of posts of its category, and the same numbers as
// a table. The scale holds every value: a spike is never cut off.

import { annotationList, marks } from "./annotations.js";
import { el, owned, svg, update } from "./dom.js";
import { ageOf, count, decimal } from "./format.js";
import { rich, t } from "./messages.js";
import { table } from "./table.js";

const WIDTH = 1000;
const HEIGHT = 300;
/** How far the typical post is shown beyond the age of this one. */
const BEYOND = 3;
const LEAST_HOURS = 3;
const TICK_HOURS = [0.5, 1, 2, 3, 6, 12, 24, 48];
const MOST_TICKS = 8;
const TICK_PIXELS = 80;
const MARGIN_PIXELS = 100;
const STEPS = [...Array(10).keys()].flatMap((power) => [1, 2, 5].map((step) => step * 10 ** power));

const text = (value) => (value === null ? "–" : count(Math.round(value)));
const band = (low, high) => (low === null ? "–" : t("range", { low: text(low), high: text(high) }));

export class AgeChart {
  constructor() {
    this.legend = owned(el("p", { class: "chart-legend", "aria-hidden": "true" }));
    this.figure = owned(
      el("figure", { class: "age-chart", onpointermove: (event) => this.#point(event), onpointerleave: () => this.#name() }),
    );
  }

  /**
   * Show the points `{ hours, engagements, median, low_50, … }` of a post of this age, and return the parts.
   * Annotations have the post's age as `hours`.
   */
  show(points, age, annotations) {
    const most = points.find(({ hours }) => hours >= Math.max(LEAST_HOURS, BEYOND * age)) ?? points.at(-1);
    const zero = Object.fromEntries(Object.keys(points[0]).map((name) => [name, 0]));
    this.points = [zero, ...points.filter(({ hours }) => hours <= most.hours)];
    this.hours = most.hours;
    this.top = 1.05 * Math.max(4, ...this.points.flatMap(({ engagements, median, high_80 }) => [engagements, median, high_80]));
    this.figure.setAttribute("aria-label", t("path.chart"));
    const shown = annotations.filter(({ hours }) => hours <= this.hours);
    const left = ({ hours }) => `${((100 * hours) / this.hours).toFixed(2)}%`;
    update(
      this.figure,
      this.#drawing(),
      ...this.#ticks(),
      el("div", { class: "marks", "aria-hidden": "true", data: { key: "marks" } }, marks(shown, left)),
    );
    this.#name();
    return [this.legend, this.figure, annotationList(shown), numbers(points)];
  }

  #x(hours) {
    return (WIDTH * hours) / this.hours;
  }

  #y(value) {
    return HEIGHT * (1 - value / this.top);
  }

  #line(name) {
    const known = this.points.filter((point) => point[name] !== null);
    return known.length > 1 ? `M${known.map((point) => this.#place(point, name)).join("L")}` : "";
  }

  #place(point, name) {
    return `${this.#x(point.hours).toFixed(1)} ${this.#y(point[name]).toFixed(1)}`;
  }

  /** The area between two quantiles. */
  #area(low, high) {
    const known = this.points.filter((point) => point[high] !== null);
    const back = [...known].reverse();
    return known.length > 1
      ? `M${known.map((point) => this.#place(point, high)).join("L")}L${back.map((point) => this.#place(point, low)).join("L")}Z`
      : "";
  }

  #drawing() {
    const path = (kind, d) => d && svg("path", { class: kind, d, data: { key: kind } });
    return svg(
      "svg",
      { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
      path("band-80", this.#area("low_80", "high_80")),
      path("band-50", this.#area("low_50", "high_50")),
      path("median", this.#line("median")),
      path("own", this.#line("engagements")),
    );
  }

  #ticks() {
    // It has no width before it is first shown.
    const most = Math.min(MOST_TICKS, (this.figure.clientWidth || innerWidth - MARGIN_PIXELS) / TICK_PIXELS);
    const across = TICK_HOURS.find((step) => this.hours / step <= most) ?? TICK_HOURS.at(-1);
    const up = STEPS.find((step) => this.top / step <= 5);
    const now = this.points.findLast((point) => point.engagements !== null);
    return [
      ...range(across, this.hours).map((hours) =>
        el("span", { class: "x", vars: { left: `${(100 * hours) / this.hours}%` }, data: { key: `x${hours}` } }, ageOf(hours, "short")),
      ),
      ...range(up, this.top).map((value) =>
        el("span", { class: "y", vars: { bottom: `${(100 * value) / this.top}%` }, data: { key: `y${value}` } }, count(value)),
      ),
      now.hours > 0 &&
        el("i", {
          class: "now",
          data: { key: "now" },
          vars: { left: `${(100 * now.hours) / this.hours}%`, bottom: `${(100 * now.engagements) / this.top}%` },
        }),
    ];
  }

  /** Name the lines and bands. */
  #name() {
    const isKnown = this.points.some((point) => point.hours && point.median !== null);
    update(
      this.legend,
      el("span", { class: "key-line" }, t("path.this_post")),
      isKnown && el("span", { class: "key-line before" }, t("path.median")),
      isKnown && el("span", { class: "key-band half" }, t("path.half")),
      isKnown && el("span", { class: "key-band" }, t("path.four_in_five")),
    );
  }

  /** Name the values at the age under the pointer. */
  #point({ clientX }) {
    const { left, width } = this.figure.getBoundingClientRect();
    const hours = ((clientX - left) / width) * this.hours;
    const distance = (point) => Math.abs(point.hours - hours);
    const point = this.points.slice(1).reduce((one, other) => (distance(other) < distance(one) ? other : one));
    update(
      this.legend,
      el("span", { class: "key-line" }, rich("path.after", { age: ageOf(point.hours), value: el("b", {}, text(point.engagements)) })),
      point.median !== null && [
        el("span", { class: "key-line before" }, t("path.median_value", { value: text(point.median) })),
        el("span", { class: "key-band half" }, band(point.low_50, point.high_50)),
        el("span", { class: "key-band" }, band(point.low_80, point.high_80)),
      ],
    );
  }
}

const range = (step, most) => Array.from({ length: Math.floor(most / step) }, (_, place) => step * (place + 1));

const COLUMNS = ["age", "this_post", "median", "half", "four_in_five", "peers"];

const numbers = (points) =>
  el(
    "details",
    { class: "numbers" },
    el("summary", {}, t("chart.numbers")),
    table(
      t("path.table"),
      COLUMNS.map((name, place) => [t(`path.column.${name}`), place ? "number" : undefined]),
      points.map((point) =>
        el(
          "tr",
          {},
          el("th", { scope: "row" }, ageOf(point.hours, "short")),
          el("td", { class: "number" }, text(point.engagements)),
          el("td", { class: "number" }, point.median === null ? "–" : decimal(point.median)),
          el("td", { class: "number" }, band(point.low_50, point.high_50)),
          el("td", { class: "number" }, band(point.low_80, point.high_80)),
          el("td", { class: "number" }, count(point.peers)),
        ),
      ),
    ),
  );
