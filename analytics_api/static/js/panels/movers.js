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

/** Its name, which leads to what there is to say of it alone. */
export const labelOf = (each) =>
  each.dimension === "all"
    ? each.label
    : el("a", { href: link(leads(each)), onclick: goes(leads(each)) }, each.label);

/** What moved it, without its name. */
export const why = ({ label, sentence }) => `${sentence.replace(`${label}: `, "")}.`;

export class Movers {
  constructor() {
    this.panel = new Panel("movers", "Rising and falling now", {
      about:
        "The last 24 hours beside the same hours of the weeks before, or of a young post beside its category's posts at that age.",
      sql: ["movers_weeks", "movers_causes", "movers_young"],
      formula:
        "Expected is the median of up to 8 weeks before, times the tide: the authors' median ratio of now to usual. z = (ln(1 + now) − ln(1 + expected)) / max(1.4826 × MAD, 1 / √(1 + expected)), with MAD the median distance of the weeks' logarithms from their median; told from |z| ≥ 3.5 on. For a young post: the posts of its category at the same age instead of the weeks.",
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
              each.ratio === null ? count(each.engagements) : `${decimal(each.ratio)} × the usual`,
            ),
            el("p", {}, why(each)),
          );
        }),
      ),
    );
  }
}
