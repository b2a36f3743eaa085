// Authors to coach: what their category's median would bring them, and why it is not reached.

import { ask, at } from "../api.js";
import { goes, link, scope } from "../address.js";
import { el } from "../dom.js";
import { count, decimal, plural } from "../format.js";
import { Panel } from "../panel.js";
import { interval } from "./interval.js";

const FIRST = 3;

/** The query: 90 days of posts, whatever the page's period is. */
export function opportunityPath() {
  const query = scope(["type"]);
  for (const name of ["period", "start", "end"]) query.delete(name);
  return at("/reports/opportunity", query);
}

/** The authors to coach first. */
export async function toCoach() {
  const { body } = await ask(opportunityPath());
  return body.filter((each) => each.gain > 0).slice(0, FIRST);
}

const author = (each) => ({ author: String(each.author_id), post: undefined });
const name = (each) => el("a", { href: link(author(each)), onclick: goes(author(each)) }, each.author_name);

export class Opportunities {
  constructor() {
    this.panel = new Panel("opportunities", "Authors to coach", {
      about:
        "Who publishes below the category's median at equal age, over 90 days: what the median would bring, and what those posts do differently.",
      sql: ["fair_authors", "author_rates", "post_features", "posting_slots", "author_slots"],
      empty: "No author published in the last 90 days.",
    });
    this.elements = [this.panel.element];
  }

  show() {
    return this.panel.show(opportunityPath(), (rows) => {
      const behind = rows.filter((each) => each.gain > 0);
      if (!behind.length)
        return el("p", { class: "empty" }, "No author is below the median of their category. A median takes three authors or more.");
      return [
        el("ol", { class: "coach" }, behind.slice(0, FIRST).map(card)),
        behind.length > FIRST &&
          el(
            "details",
            { class: "numbers" },
            el("summary", {}, `${plural(behind.length - FIRST, "more author")} below the median`),
            table(behind.slice(FIRST)),
          ),
      ];
    });
  }
}

function card(each) {
  return el(
    "li",
    { data: { author: each.author_id } },
    el("h3", {}, name(each)),
    el(
      "p",
      { class: "quiet small" },
      `${each.category} · ${plural(each.posts, "post")} · ${decimal(each.per_post)} engagements a post`,
    ),
    el("p", { class: "gain good" }, `+${count(each.gain)}`),
    el(
      "p",
      { class: "small" },
      `engagements in 90 days at the category's median`,
      el("span", { class: "quiet" }, ` (${count(each.gain_low)} to ${count(each.gain_high)})`),
    ),
    interval({ low: each.low, value: each.index, high: each.high, most: 2, mark: each.median_index }),
    el(
      "p",
      { class: "quiet small" },
      `${decimal(each.index)} × what is usual; the median author has ${decimal(each.median_index)} ×`,
    ),
    each.reasons.length
      ? el(
          "ul",
          { "aria-label": "Reasons" },
          each.reasons.slice(0, 4).map((reason) => el("li", {}, reason.sentence)),
        )
      : el("ul", {}, el("li", {}, "No single habit explains it: look at the posts themselves.")),
  );
}

function table(rows) {
  return el(
    "div",
    { class: "scroll", tabindex: "0", role: "group", "aria-label": "More authors below the median" },
    el(
      "table",
      {},
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          ["Author", "Category"].map((text) => el("th", { scope: "col" }, text)),
          ["Posts", "A post", "At the median"].map((text) =>
            el("th", { scope: "col", class: "number" }, text),
          ),
        ),
      ),
      el(
        "tbody",
        {},
        rows.map((each) =>
          el(
            "tr",
            {},
            el("th", { scope: "row" }, name(each)),
            el("td", {}, each.category),
            el("td", { class: "number" }, count(each.posts)),
            el("td", { class: "number" }, decimal(each.per_post)),
            el("td", { class: "number" }, `+${count(each.gain)}`),
          ),
        ),
      ),
    ),
  );
}
