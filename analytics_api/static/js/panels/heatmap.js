// When readers engage: hour by weekday. Shades are by rank, so that one extreme hour does not pale
// all others.

import { at } from "../api.js";
import { zone } from "../address.js";
import { el, owned, update } from "../dom.js";
import { daysAfter, recordedSince, written } from "../facts.js";
import { count, decimal, hour, nowIn, percent, weekday } from "../format.js";
import { rich, t } from "../messages.js";
import { Panel, Part } from "../panel.js";
import { notEnough } from "../region.js";

export const SHADES = 7;
const HOURS = [...Array(24).keys()];
const WEEK = [1, 2, 3, 4, 5, 6, 0]; // from Monday on

/** The shade of each value, 0 to SHADES - 1, by its rank among all; nothing is 0. */
export function shades(values) {
  const sorted = [...values].filter((value) => value > 0).sort((a, b) => a - b);
  const rank = new Map();
  sorted.forEach((value, place) => {
    if (!rank.has(value)) rank.set(value, place);
  });
  return (value) =>
    value > 0 ? Math.min(SHADES - 1, 1 + Math.floor((rank.get(value) / sorted.length) * (SHADES - 1))) : 0;
}

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/** The line under a heat map that describes one cell, as titles are shown to a mouse only. */
export class CellReader {
  constructor() {
    this.element = owned(el("p", { class: "quiet small" }, t("hours.hint")));
    this.row = -1;
    this.column = -1;
  }

  /** The listeners of the heat map. */
  get listeners() {
    return {
      onpointerover: ({ target }) => target.closest("td[title]") && this.#say(target.closest("td")),
      onkeydown: (event) => this.#move(event),
    };
  }

  #move(event) {
    const step = STEPS[event.key];
    if (!step) return;
    event.preventDefault();
    const isFirst = this.row < 0;
    const row = isFirst ? 0 : (this.row + step[0] + WEEK.length) % WEEK.length;
    const column = isFirst ? 0 : (this.column + step[1] + HOURS.length) % HOURS.length;
    const cell = event.currentTarget.querySelector("tbody").rows[row].cells[column + 1];
    cell.scrollIntoView({ block: "nearest", inline: "nearest" });
    this.#say(cell);
  }

  #say(cell) {
    this.row = cell.parentElement.sectionRowIndex;
    this.column = cell.cellIndex - 1;
    for (const each of cell.closest("table").querySelectorAll(".read")) each.classList.remove("read");
    cell.classList.add("read");
    update(this.element, cell.title);
  }
}

/** A table of weekdays and hours. *cell* gives `{ className, title }` for a day and an hour. */
export function week(caption, zoneName, reader, cell) {
  const now = nowIn(zoneName);
  const head = el(
    "tr",
    {},
    el("td", { class: "corner" }),
    HOURS.map((each) =>
      el(
        "th",
        { scope: "col" },
        each % 3 ? el("span", { class: "hidden-text" }, count(each)) : count(each),
      ),
    ),
  );
  const rows = WEEK.map((day) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, weekday(day, "short")),
      HOURS.map((each) => {
        const { className, title } = cell(day, each);
        const isNow = day === now.day && each === now.hour;
        return el(
          "td",
          {
            class: `${className}${isNow ? " now" : ""}`,
            title: t(isNow ? "hours.slot_now" : "hours.slot", { day: weekday(day), hour: hour(each), text: title }),
          },
          el("span", { class: "hidden-text" }, title),
        );
      }),
    ),
  );
  const table = el(
    "table",
    { class: "heat" },
    el("caption", { class: "hidden-text" }, caption),
    el("thead", {}, head),
    el("tbody", {}, rows),
  );
  return [
    el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": caption, ...reader.listeners }, table),
    reader.element,
  ];
}

export class Heatmap extends Part {
  constructor() {
    super(
      new Panel("hours", t("hours.title"), {
        about: t("hours.about"),
        sql: ["engagement_patterns"],
        empty: () => notEnough(t("hours.empty")),
      }),
    );
    this.reader = new CellReader();
  }

  path() {
    return at("/analytics/engagement-patterns", new URLSearchParams({ tz: zone() }));
  }

  async draw(cells) {
    const from = daysAfter(await recordedSince(), WEEK.length);
    const isPartial = from > new Date();
    const found = new Map(cells.map((each) => [`${each.day_of_week}:${each.hour_of_day}`, each]));
    const shade = shades(cells.map((each) => each.engagements_per_hour));
    return [
      isPartial
        ? notEnough(t("hours.partial"), t("hours.all_from", { date: written(from) }))
        : el("ol", { class: "slots" }, busiest(cells)),
      week(t("hours.table"), zone(), this.reader, (day, each) => {
        const seen = found.get(`${day}:${each}`);
        if (!seen)
          return isPartial ? { className: "thin", title: t("hours.none") } : { className: "s0", title: t("count.engagements", { count: 0 }) };
        return {
          className: `s${shade(seen.engagements_per_hour)}`,
          title: t("hours.cell", {
            engagements: t("count.engagements", { count: seen.total_engagements }),
            rate: decimal(seen.engagements_per_hour),
          }),
        };
      }),
      el(
        "p",
        { class: "scale" },
        rich("hours.legend", { shades: [...Array(SHADES).keys()].map((each) => el("i", { class: `s${each}` })) }),
      ),
    ];
  }
}

const busiest = (cells) =>
  [...cells]
    .sort((one, other) => other.engagements_per_hour - one.engagements_per_hour)
    .slice(0, 3)
    .map((each) =>
      el(
        "li",
        {},
        el("b", {}, t("hours.busiest", { day: weekday(each.day_of_week, "short"), hour: hour(each.hour_of_day) })),
        el("span", {}, t("hours.per_hour", { rate: decimal(each.engagements_per_hour) })),
        el("span", { class: "quiet small" }, t("hours.of_all", { share: percent(each.pct_of_total_engagement) })),
      ),
    );
