// When to publish: the next good slots, and how each hour of the week does.

import { ask, askText, at } from "../api.js";
import { filterScope, zone } from "../address.js";
import { el } from "../dom.js";
import { daysAfter, needsDays, recordedSince, written } from "../facts.js";
import { count, date, plural, range, signed } from "../format.js";
import { Panel, Part } from "../panel.js";
import { notEnough, placeholder } from "../region.js";
import { download } from "../source.js";
import { SHADES, week } from "./heatmap.js";

const VERDICTS = {
  good: "better than usual",
  weak: "weaker than usual",
  usual: "as usual",
  thin: "too few posts",
};

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
    return placeholder(
      "No hour is clearly better",
      "Publish when it suits you: one test of all hours finds no difference between them.",
    );
  const needs = `An hour of the week is judged by ${LEAST} posts in it and the hours beside it, each 24 hours old.`;
  const early = await needsDays(1, needs);
  if (early) return early;
  const posts = cells.reduce((sum, each) => sum + each.posts, 0);
  const most = Math.max(0, ...cells.map((each) => near(cells, each)));
  const missing = `${needs} There are ${plural(posts, "post")}, at most ${count(most)} around one hour.`;
  return notEnough(missing, await expected(most));
}

/** How many posts an hour and those beside it have. */
const near = (cells, { day_of_week: day, hour_of_day: hour }) =>
  cells
    .filter((each) => each.day_of_week === day && Math.abs(each.hour_of_day - hour) <= 1)
    .reduce((sum, each) => sum + each.posts, 0);

async function expected(most) {
  if (!most) return "The date is known once posts are a day old.";
  const since = await recordedSince();
  const days = (Date.now() - since.getTime()) / 86_400_000;
  return `At this rate of publishing, there will be enough around ${written(daysAfter(since, (days * LEAST) / most))}.`;
}

const hourOf = (slot) => date(slot.start, zone(), { hour: "2-digit", minute: "2-digit" });

export const slotName = (slot, weekday = "long") =>
  `${date(slot.start, zone(), { weekday, day: "numeric", month: "short" })}, ${hourOf(slot)}`;

export class WhenToPost extends Part {
  constructor() {
    super(
      new Panel("when", "When to publish", {
        about:
          "How posts published in an hour of the week did in their first 24 hours, compared with the same authors' posts of the category. Posts of the last 365 days.",
        sql: ["posting_slots"],
        formula:
          "A post is compared with its author's posts of the category, allowing for the month. Lift = 100 × (index − 1); the index is that of the hour of the day times that of the weekday times the hour's own, each drawn towards 1 as far as chance explains it. Good or weak: one test finds that hours of the day or weekdays differ, and the whole 95 % interval is above or below 0.",
      }),
    );
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
    return week("Lift by the weekday and hour of publishing", zone(), (day, each) => {
      const slot = found.get(`${day}:${each}`);
      if (!slot || slot.verdict === "thin") return { className: "thin", title: VERDICTS.thin };
      const shade = Math.max(3, Math.ceil((SHADES - 1) * Math.min(1, Math.abs(slot.lift_pct) / most)));
      return {
        className: slot.verdict === "usual" ? "usual" : `${slot.verdict} s${shade}`,
        title: `${VERDICTS[slot.verdict]}, ${signed(slot.lift_pct)} (${range(slot.low_pct, slot.high_pct)}), ${slot.posts ? plural(slot.posts, "post") : "by the posts of the hours beside it"}`,
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
          el("b", {}, `${date(slot.start, zone(), { weekday: "short" })}, ${hourOf(slot)}`),
          el("span", { class: "small" }, date(slot.start, zone(), { day: "numeric", month: "long" })),
          el(
            "span",
            {},
            el("b", { class: "good" }, signed(slot.lift_pct)),
            ` · ${plural(slot.posts, "post")}`,
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
      "Add these to a calendar",
    ),
  ];
}

const legend = () =>
  el(
    "p",
    { class: "scale" },
    ...Object.entries(VERDICTS).map(([name, text]) => el("span", {}, el("i", { class: name }), text)),
  );
