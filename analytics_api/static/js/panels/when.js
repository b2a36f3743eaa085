// When to publish: the next good slots, and how each hour of the week does.

import { ask, askText, at } from "../api.js";
import { scope, zone } from "../address.js";
import { el, put } from "../dom.js";
import { date, plural, range, signed } from "../format.js";
import { Panel } from "../panel.js";
import { download } from "../source.js";
import { SHADES, week } from "./heatmap.js";

const VERDICTS = {
  good: "better than usual",
  weak: "weaker than usual",
  usual: "as usual",
  thin: "too few posts",
};

/** The query of both questions: a year of posts, whatever the page's period is. */
export function slotsQuery() {
  const query = scope(["type"]);
  for (const name of ["period", "start", "end"]) query.delete(name);
  return query;
}

export const nextSlots = () => ask(at("/reports/when-to-post/next", slotsQuery()));

const hourOf = (slot) => date(slot.start, zone(), { hour: "2-digit", minute: "2-digit" });

export const slotName = (slot, weekday = "long") =>
  `${date(slot.start, zone(), { weekday, day: "numeric", month: "short" })}, ${hourOf(slot)}`;

export class WhenToPost {
  constructor() {
    this.panel = new Panel("when", "When to publish", {
      about:
        "How posts published in an hour of the week did in their first 24 hours, compared with the same authors' posts of the category. Posts of the last 365 days.",
      sql: ["posting_slots"],
      formula:
        "A post is compared with its author's posts of the category, allowing for the month. Lift = 100 × (index − 1); the index is that of the hour of the day times that of the weekday times the hour's own, each drawn towards 1 as far as chance explains it. Good or weak: one test finds that hours of the day or weekdays differ, and the whole 95 % interval is above or below 0.",
      empty: "No posts were published in the last year.",
    });
    this.slots = el("div");
    this.elements = [this.panel.element];
  }

  async show() {
    const [next] = await Promise.all([
      nextSlots(),
      this.panel.show(at("/reports/when-to-post", slotsQuery()), (cells) => [
        this.slots,
        this.#table(cells),
        legend(),
      ]),
    ]);
    put(
      this.slots,
      next.body.length
        ? list(next.body)
        : el(
            "p",
            { class: "empty" },
            "No hour is clearly better than the others: publish when it suits you. (Hours are called good only if one test of all finds that they differ.)",
          ),
    );
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
            await askText(at("/reports/when-to-post/next.ics", slotsQuery())),
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
