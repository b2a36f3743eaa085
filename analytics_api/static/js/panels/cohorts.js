// Do new authors improve? Each compared with the own first month, at equal age of their posts.

import { at } from "../api.js";
import { filterScope } from "../address.js";
import { el } from "../dom.js";
import { needsDaysOr } from "../facts.js";
import { count, decimal, plural } from "../format.js";
import { Panel, Part } from "../panel.js";
import { placeholder } from "../region.js";
import { interval } from "./interval.js";
import { row } from "./rows.js";

const SHOWN = 8;

export class Cohorts extends Part {
  constructor() {
    super(
      new Panel("cohorts", "Do new authors improve?", {
        about:
          "Authors who joined in the last 365 days, by months since they joined: engagement per post in its first 48 hours, as a multiple of the same authors' first month.",
        sql: ["cohorts"],
        formula:
          "A post is expected to earn the level of its author in its category, times the factor of its calendar month (from authors who joined before), times the index of the months since joining, which is 1 in the first: Poisson pseudo-likelihood, clustered by author. No index with fewer than 6 authors who have posts in both months.",
        empty: () =>
          needsDaysOr(
            2,
            "Posts are compared when they are 48 hours old.",
            placeholder(
              "No new authors",
              "No author who joined in the last 365 days has a post that is old enough to compare.",
            ),
          ),
      }),
    );
  }

  path() {
    return at("/reports/cohorts", filterScope());
  }

  draw(months) {
    const shown = months.slice(0, SHOWN);
    const most = Math.min(8, Math.max(2, ...shown.map((each) => each.high ?? 0)));
    return el(
      "ol",
      { class: "rows" },
      shown.map((each) =>
        row({
          key: each.month,
          label: each.month ? `${plural(each.month, "month")} later` : "First month",
          figure: each.index === null ? "–" : `${decimal(each.index)} ×`,
          aside:
            each.low === null
              ? el("span", { class: "quiet small" }, each.month ? "too few authors" : "to compare with")
              : interval({ low: each.low, value: each.index, high: each.high, most, mark: 1 }),
          sub: `${plural(each.authors, "author")}, ${count(each.compared_authors)} of them compared · ${plural(each.posts, "post")}`,
        }),
      ),
    );
  }
}
