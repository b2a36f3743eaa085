// What is well above or below the baseline of these hours of the week, and why.

import { ask, at } from "../api.js";
import { goes, link, scope } from "../address.js";
import { el, named } from "../dom.js";
import { count, decimal } from "../format.js";
import { Panel } from "../panel.js";

/** The query: movers are of the last 24 hours, whatever the page's period is. */
export function moversPath() {
  const query = scope();
  for (const name of ["period", "start", "end"]) query.delete(name);
  query.set("limit", "12");
  return at("/reports/movers", query);
}

/** The posts, authors and categories that rise now, the clearest first. */
export async function rising() {
  const { body } = await ask(moversPath());
  return body.filter((each) => each.direction === "above" && each.dimension !== "all");
}

const leads = (each) =>
  ({
    post: { post: each.key },
    author: { author: each.key, post: undefined },
    category: { category: each.key, post: undefined },
    all: {},
  })[each.dimension];

/** Its name, which leads to what there is to say of it alone. */
export const labelOf = (each) =>
  each.dimension === "all"
    ? each.label
    : el("a", { href: link(leads(each)), onclick: goes(leads(each)) }, named(each.label));

const DIRECTIONS = /[\u202a-\u202e\u2066-\u2069]/g;
/** What moved it, without its name, which the API isolates where it runs from right to left. */
export function why({ label, sentence }) {
  const name = label.replace(DIRECTIONS, "");
  const begin = [`\u2068${name}\u2069: `, `${name}: `].find((each) => sentence.startsWith(each)) ?? "";
  return `${sentence.slice(begin.length)}.`;
}

export class Movers {
  constructor() {
    this.panel = new Panel("movers", "Rising and falling now", {
      about:
        "The last 24 hours compared with the same hours of the weeks before, or a young post compared with its category's posts at that age. Where nothing changes, at most one row a week appears by chance.",
      sql: ["movers_weeks", "movers_causes", "movers_young"],
      formula:
        "Expected is the median of up to 8 weeks before, times the tide: the ratio of the other authors' engagements to their medians. Counts are transformed so that their variance is 1, and compared in units of the scatter from week to week, which is pooled over all authors, categories or posts. A young post: what it earned between two ages (0, 1, 6, 24, 48 hours), of which it reached the later one in these 24 hours, among the posts of its category. Shown while at most one such row a week is expected by chance.",
      empty: "Nothing is far from the baseline of this time of the week.",
    });
    this.elements = [this.panel.element];
  }

  show() {
    return this.panel.show(moversPath(), (rows) =>
      el(
        "ol",
        { class: "movers" },
        rows.slice(0, 7).map((each) => {
          const rises = each.direction === "above";
          return el(
            "li",
            { data: { key: `${each.dimension}:${each.key}` } },
            el(
              "span",
              {
                class: `arrow ${rises ? "good" : "bad"}`,
                "aria-label": rises ? "rising" : "falling",
                role: "img",
              },
              rises ? "▲" : "▼",
            ),
            el(
              "span",
              {},
              labelOf(each),
              each.dimension !== "all" && el("span", { class: "tag" }, each.dimension),
            ),
            el(
              "span",
              { class: `ratio ${rises ? "good" : "bad"}` },
              each.ratio === null ? count(each.engagements) : `${decimal(each.ratio)} × the baseline`,
            ),
            el("p", {}, why(each)),
          );
        }),
      ),
    );
  }
}
