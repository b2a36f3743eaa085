// What is well above or below what is usual for these hours of the week, and why.

import { ask, at } from "../api.js";
import { goes, link, scope } from "../address.js";
import { el } from "../dom.js";
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

/** What moved it, without its name. */
export const why = ({ label, sentence }) => `${sentence.replace(`${label}: `, "")}.`;

export class Movers {
  constructor() {
    this.panel = new Panel("movers", "Rising and falling now", {
      about:
        "The last 24 hours beside the same hours of the weeks before, or of a young post beside its category's posts at that age.",
      sql: ["movers_weeks", "movers_causes", "movers_young"],
      empty: "Nothing is far from what is usual at this time of the week.",
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
          const change = leads(each);
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
              each.dimension === "all"
                ? each.label
                : el("a", { href: link(change), onclick: goes(change) }, each.label),
              each.dimension !== "all" && el("span", { class: "tag" }, each.dimension),
            ),
            el(
              "span",
              { class: `ratio ${rises ? "good" : "bad"}` },
              each.ratio === null ? count(each.engagements) : `${decimal(each.ratio)} × the usual`,
            ),
            el("p", {}, why(each)),
          );
        }),
      ),
    );
  }
}
