// Authors to coach: what their category's median would bring them, and why it is not reached.

import { at } from "../api.js";
import { filterScope, goes, link } from "../address.js";
import { el, named } from "../dom.js";
import { needsDaysOr } from "../facts.js";
import { count, decimal, delta, percent, range, signed } from "../format.js";
import { t } from "../messages.js";
import { INDEX, Panel, Part } from "../panel.js";
import { notEnough, placeholder } from "../region.js";
import { table } from "../table.js";
import { interval } from "./interval.js";

const FIRST = 3;

/** The query: 90 days of posts, whatever the page's period is. */
export const opportunityPath = () => at("/reports/opportunity", filterScope(["type"]));

/** The authors to coach first. */
export const toCoach = (authors) => authors.filter((each) => each.gain > 0).slice(0, FIRST);

/** What is said where no author is below the median: that there is none yet, or that all reach it. */
export async function noneBelow(authors) {
  if (!authors.length)
    return needsDaysOr(
      2,
      t("coach.age"),
      notEnough(`${t("coach.age")} ${t("coach.no_post")}`, t("coach.after_next")),
    );
  if (authors.every((each) => each.median_index === null)) return notEnough(t("coach.median"), t("coach.third_author"));
  return placeholder(t("coach.none"), t("coach.none_text"));
}

/** The strongest reason for an author's gap. */
export const mainReason = ({ reasons }) =>
  reasons.length ? factOf(reasons[0]) : t("coach.no_reason");

/** How values are written that are not plain numbers. */
const WRITTEN = { media: percent, promoted: percent, weak_hours: signed };

function factOf({ reason, author: own, category }) {
  const write = WRITTEN[reason] ?? decimal;
  return t(`reason.${reason}`, { author: write(own), mean: write(category) });
}

/** A reason and its effect, as a sentence. */
function sentence(reason) {
  const { effect_pct: effect, low_pct: low, high_pct: high } = reason;
  const fact = factOf(reason);
  return effect === null
    ? fact
    : t("reason.effect", { reason: fact, effect: signed(effect), range: range(low, high) });
}

const author = (each) => ({ author: String(each.author_id), post: undefined });
/** The author's name, which leads to the own page. */
export const name = (each) => el("a", { href: link(author(each)), onclick: goes(author(each)) }, named(each.author_name));

export class Opportunities extends Part {
  constructor() {
    super(
      new Panel("opportunities", t("coach.title"), {
        about: t("coach.about"),
        sql: ["fair_authors", "author_rates", "post_features", "posting_slots", "author_slots"],
        formula: `${INDEX} ${t("coach.formula")}`,
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
          el("summary", {}, t("coach.more", { count: behind.length - FIRST })),
          table(t("coach.more_table"), COLUMNS, behind.slice(FIRST).map(row)),
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
      ` · ${t("count.posts", { count: each.posts })} · ${t("count.engagements_per_post", { count: each.per_post })}`,
    ),
    el("p", { class: "gain good" }, delta(each.gain)),
    el(
      "p",
      { class: "small" },
      t("coach.gain"),
      el("span", { class: "quiet" }, ` (${t("range", { low: count(each.gain_low), high: count(each.gain_high) })})`),
    ),
    interval({ low: each.low, value: each.index, high: each.high, most: 2, mark: each.median_index }),
    el(
      "p",
      { class: "quiet small" },
      t("coach.index", { index: decimal(each.index), median: decimal(each.median_index) }),
    ),
    each.reasons.length
      ? el(
          "ul",
          { "aria-label": t("coach.reasons") },
          each.reasons.slice(0, 4).map((reason) => el("li", {}, sentence(reason))),
        )
      : el("ul", {}, el("li", {}, t("coach.no_reason_text"))),
  );
}

const COLUMNS = [
  [t("coach.column.author")],
  [t("coach.column.category")],
  [t("coach.column.posts"), "number"],
  [t("coach.column.per_post"), "number"],
  [t("coach.column.gain"), "number"],
];

const row = (each) =>
  el(
    "tr",
    { data: { author: each.author_id } },
    el("th", { scope: "row" }, name(each)),
    el("td", {}, named(each.category)),
    el("td", { class: "number" }, count(each.posts)),
    el("td", { class: "number" }, decimal(each.per_post)),
    el("td", { class: "number" }, delta(each.gain)),
  );
