// Authors to coach: what their category's median would bring them, and why it is not reached.

import { at } from "../api.js";
import { filterScope, goes, link } from "../address.js";
import { el, named } from "../dom.js";
import { needsDaysOr } from "../facts.js";
import { count, decimal, plural } from "../format.js";
import { INDEX, Panel, Part } from "../panel.js";
import { notEnough, placeholder } from "../region.js";
import { table } from "../table.js";
import { interval } from "./interval.js";

const FIRST = 3;
const NO_REASON = "No single habit explains it";

/** The query: 90 days of posts, whatever the page's period is. */
export const opportunityPath = () => at("/reports/opportunity", filterScope(["type"]));

/** The authors to coach first. */
export const toCoach = (authors) => authors.filter((each) => each.gain > 0).slice(0, FIRST);

const AGE = "Posts of the last 90 days are compared when they are 48 hours old.";
const MEDIAN = "A median needs posts of at least 3 authors of a category.";

/** What is said where no author is below the median: that there is none yet, or that all reach it. */
export async function noneBelow(authors) {
  if (!authors.length)
    return needsDaysOr(
      2,
      AGE,
      notEnough(`${AGE} There is none yet.`, "There will be 48 hours after the next post that is published."),
    );
  if (authors.every((each) => each.median_index === null)) return notEnough(MEDIAN, "There is one once a third author publishes.");
  return placeholder("No author is below the median", "Every author reaches the median of the category at equal post age.");
}

/** The strongest reason for an author's gap. */
export const mainReason = ({ reasons }) =>
  reasons.length ? reasons[0].sentence.split(": ")[0] : NO_REASON;

const author = (each) => ({ author: String(each.author_id), post: undefined });
/** The author's name, which leads to the own page. */
export const name = (each) => el("a", { href: link(author(each)), onclick: goes(author(each)) }, named(each.author_name));

export class Opportunities extends Part {
  constructor() {
    super(
      new Panel("opportunities", "Authors to coach", {
        about:
          "Authors below their category's median at equal post age, over the posts of the last 90 days: engagements in the posts' first 48 hours that the median would add, and factors that account for the difference. Means: of posts of the same categories.",
        sql: ["fair_authors", "author_rates", "post_features", "posting_slots", "author_slots"],
        formula: `${INDEX} Gain = E × (median index − index), brought to 90 days. A reason is shown if its effect is clear, and lowers engagement.`,
        empty: () => noneBelow([]),
      }),
    );
  }

  path() {
    return opportunityPath();
  }

  draw(rows) {
    const behind = rows.filter((each) => each.gain > 0);
    if (!behind.length) return noneBelow(rows);
    return [
      el("ol", { class: "coach" }, behind.slice(0, FIRST).map(card)),
      behind.length > FIRST &&
        el(
          "details",
          { class: "numbers" },
          el("summary", {}, `${plural(behind.length - FIRST, "more author")} below the median`),
          table("More authors below the median", COLUMNS, behind.slice(FIRST).map(row)),
        ),
    ];
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
      named(each.category),
      ` · ${plural(each.posts, "post")} · ${plural(each.per_post, "engagement")} a post`,
    ),
    el("p", { class: "gain good" }, `+${count(each.gain)}`),
    el(
      "p",
      { class: "small" },
      "first-48-hour engagements in 90 days at the category's median",
      el("span", { class: "quiet" }, ` (${count(each.gain_low)} to ${count(each.gain_high)})`),
    ),
    interval({ low: each.low, value: each.index, high: each.high, most: 2, mark: each.median_index }),
    el(
      "p",
      { class: "quiet small" },
      `${decimal(each.index)} × the baseline; the median author has ${decimal(each.median_index)} ×`,
    ),
    each.reasons.length
      ? el(
          "ul",
          { "aria-label": "Reasons" },
          each.reasons.slice(0, 4).map((reason) => el("li", {}, reason.sentence)),
        )
      : el("ul", {}, el("li", {}, `${NO_REASON}: look at the posts themselves.`)),
  );
}

const COLUMNS = [["Author"], ["Category"], ["Posts", "number"], ["A post", "number"], ["At the median", "number"]];

const row = (each) =>
  el(
    "tr",
    { data: { author: each.author_id } },
    el("th", { scope: "row" }, name(each)),
    el("td", {}, named(each.category)),
    el("td", { class: "number" }, count(each.posts)),
    el("td", { class: "number" }, decimal(each.per_post)),
    el("td", { class: "number" }, `+${count(each.gain)}`),
  );
