// When to publish: the next good slots, and how each hour of the week does.

import { ask, askText, at } from "../api.js";
import { filterScope, zone } from "../address.js";
import { el } from "../dom.js";
import { daysAfter, needsDays, recordedSince, written } from "../facts.js";
import { clock, count, date, range, signed } from "../format.js";
import { t } from "../messages.js";
import { Panel, Part } from "../panel.js";
import { notEnough, placeholder } from "../region.js";
import { download } from "../source.js";
import { CellReader, SHADES, week } from "./heatmap.js";

const VERDICTS = ["good", "weak", "usual", "thin"];
const verdict = (name) => t(`when.verdict.${name}`);

/** The hours of the week, and the next good ones: a year of posts, whatever the page's period is. */
export const slotsPath = () => at("/reports/when-to-post", filterScope(["type"]));
const nextPath = () => at("/reports/when-to-post/next", filterScope(["type"]));

/** Request both: the body has `cells` and `next`. */
export async function askSlots() {
  const [cells, next] = await Promise.all([ask(slotsPath()), ask(nextPath())]);
  return { ...cells, body: { cells: cells.body, next: next.body } };
}

const LEAST = 10;

/** What is said where no hour is good: that too few posts are known, or that hours do not differ. */
export async function noGoodHour(cells) {
  if (cells.some((each) => each.verdict !== "thin"))
    return placeholder(t("when.none"), t("when.none_text"));
  const needs = t("when.needs", { least: LEAST });
  const early = await needsDays(1, needs);
  if (early) return early;
  const posts = cells.reduce((sum, each) => sum + each.posts, 0);
  const most = Math.max(0, ...cells.map((each) => near(cells, each)));
  const missing = `${needs} ${t("when.there_are", { count: posts, most: count(most) })}`;
  return notEnough(missing, await expected(most));
}

/** How many posts an hour and those beside it have. */
const near = (cells, { day_of_week: day, hour_of_day: hour }) =>
  cells
    .filter((each) => each.day_of_week === day && Math.abs(each.hour_of_day - hour) <= 1)
    .reduce((sum, each) => sum + each.posts, 0);

async function expected(most) {
  if (!most) return t("when.unknown_date");
  const since = await recordedSince();
  const days = (Date.now() - since.getTime()) / 86_400_000;
  return t("when.expected", { date: written(daysAfter(since, (days * LEAST) / most)) });
}

const hourOf = (slot) => clock(slot.start, zone());

export const slotName = (slot, weekday = "long") =>
  t("when.slot", { date: date(slot.start, zone(), { weekday, day: "numeric", month: "short" }), hour: hourOf(slot) });

export class WhenToPost extends Part {
  constructor() {
    super(
      new Panel("when", t("when.title"), {
        about: t("when.about"),
        sql: ["posting_slots"],
        formula: t("when.formula"),
      }),
    );
    this.reader = new CellReader();
  }

  path() {
    return slotsPath();
  }

  async show() {
    this.panel.path = this.path();
    await this.panel.region.show(this.key(), (body) => this.draw(body), askSlots);
    this.panel.sources();
  }

  async draw({ cells, next }) {
    const slots = next.length ? list(next) : await noGoodHour(cells);
    return [slots, this.#table(cells), legend()];
  }

  #table(cells) {
    const found = new Map(cells.map((each) => [`${each.day_of_week}:${each.hour_of_day}`, each]));
    const most = Math.max(
      1,
      ...cells
        .filter((each) => each.verdict === "good" || each.verdict === "weak")
        .map((each) => Math.abs(each.lift_pct)),
    );
    return week(t("when.table"), zone(), this.reader, (day, each) => {
      const slot = found.get(`${day}:${each}`);
      if (!slot || slot.verdict === "thin") return { className: "thin", title: verdict("thin") };
      const shade = Math.max(3, Math.ceil((SHADES - 1) * Math.min(1, Math.abs(slot.lift_pct) / most)));
      return {
        className: slot.verdict === "usual" ? "usual" : `${slot.verdict} s${shade}`,
        title: t("when.cell", {
          verdict: verdict(slot.verdict),
          lift: signed(slot.lift_pct),
          range: range(slot.low_pct, slot.high_pct),
          posts: slot.posts ? t("count.posts", { count: slot.posts }) : t("when.by_others"),
        }),
      };
    });
  }
}

function list(slots) {
  return [
    el(
      "ol",
      { class: "slots" },
      slots.map((slot) =>
        el(
          "li",
          { data: { slot: slot.start } },
          el("b", {}, t("when.slot", { date: date(slot.start, zone(), { weekday: "short" }), hour: hourOf(slot) })),
          el("span", { class: "small" }, date(slot.start, zone(), { day: "numeric", month: "long" })),
          el(
            "span",
            {},
            el("b", { class: "good" }, signed(slot.lift_pct)),
            ` · ${t("count.posts", { count: slot.posts })}`,
          ),
          el("span", { class: "quiet small" }, range(slot.low_pct, slot.high_pct)),
        ),
      ),
    ),
    el(
      "button",
      {
        class: "plain",
        type: "button",
        onclick: async () =>
          download(
            await askText(at("/reports/when-to-post/next.ics", filterScope(["type"]))),
            "when-to-publish.ics",
            "text/calendar",
          ),
      },
      t("when.calendar"),
    ),
  ];
}

const legend = () =>
  el(
    "p",
    { class: "scale" },
    ...VERDICTS.map((name) => el("span", {}, el("i", { class: name }), verdict(name))),
  );
