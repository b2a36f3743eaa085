// What is well above or below the baseline of these hours of the week, and why.

import { at } from "../api.js";
import { filterScope, goes, isWall, link } from "../address.js";
import { el, named } from "../dom.js";
import { daysAfter, recordedSince, written } from "../facts.js";
import { count, decimal } from "../format.js";
import { rich, t } from "../messages.js";
import { Panel, Part } from "../panel.js";
import { notEnough, placeholder } from "../region.js";

/** The query: movers are of the last 24 hours, whatever the page's period is. */
export function moversPath() {
  const query = filterScope();
  query.set("limit", "12");
  return at("/reports/movers", query);
}

/** The posts, authors and categories that rise now, the clearest first. */
export const rising = (movers) => movers.filter((each) => each.direction === "above" && each.dimension !== "all");

// As many as the room of the panel holds, so that it need not grow when something moves.
const FIRST = 3;
const FIRST_ON_A_WALL = 4;
const SHOWN = 7;
const POST_DAYS = 8;
const AUTHOR_DAYS = 22;

/** What is said where nothing moved: that there is no baseline yet, or that all is as usual. */
export async function nothingMoved() {
  const since = await recordedSince();
  const from = since && daysAfter(since, AUTHOR_DAYS);
  if (from && from <= new Date())
    return placeholder(t("movers.nothing"), t("movers.nothing_why"));
  if (!since) return notEnough(`${t("movers.needs")} ${t("state.nothing_recorded")}`);
  return notEnough(
    `${t("movers.needs")} ${t("state.began", { date: written(since) })}`,
    t("movers.from", { posts: written(daysAfter(since, POST_DAYS)), authors: written(from) }),
  );
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
    ? t("movers.everything")
    : el("a", { href: link(leads(each)), onclick: goes(leads(each)) }, named(each.label));

/** What moved it, without its name, as a sentence in parts. */
export function sentence(each) {
  const { basis, weeks, age_begin: begin, age_hours: end } = each;
  const values = {
    engagements: t("count.engagements", { count: each.engagements }),
    expected: count(each.expected),
    cause: causeOf(each),
  };
  if (basis === "weeks") return rich("movers.weeks", { ...values, count: weeks });
  const category = named(each.category);
  return begin
    ? rich("movers.later_hours", { ...values, category, begin, end })
    : rich("movers.first_hours", { ...values, category, count: end });
}

function causeOf({ direction, dimension, cause_type: type, cause_title: title }) {
  const more = direction === "above" ? "more" : "fewer";
  const cause = t(`movers.${more}.${type}`);
  return dimension === "post" || !title ? cause : rich(`movers.${more}_of`, { cause, title: named(title) });
}

export class Movers extends Part {
  constructor() {
    super(
      new Panel("movers", t("movers.title"), {
        about: t("movers.about"),
        sql: ["movers_weeks", "movers_causes", "movers_young"],
        formula: t("movers.formula"),
        empty: nothingMoved,
      }),
    );
  }

  path() {
    return moversPath();
  }

  draw(rows) {
    const first = isWall() ? FIRST_ON_A_WALL : FIRST;
    const more = isWall() ? [] : rows.slice(first, SHOWN);
    return [
      el("ol", { class: "movers" }, rows.slice(0, first).map(moverRow)),
      more.length > 0 &&
        el(
          "details",
          { class: "numbers" },
          el("summary", {}, t("movers.others", { count: more.length })),
          el("ol", { class: "movers" }, more.map(moverRow)),
        ),
    ];
  }
}

function moverRow(each) {
  const rises = each.direction === "above";
  const kind = rises ? "good" : "bad";
  return el(
    "li",
    { data: { key: `${each.dimension}:${each.key}` } },
    el(
      "span",
      { class: `arrow ${kind}`, "aria-label": rises ? t("movers.rising") : t("movers.falling"), role: "img" },
      rises ? "▲" : "▼",
    ),
    el("span", {}, labelOf(each), each.dimension !== "all" && el("span", { class: "tag" }, t(`movers.dimension.${each.dimension}`))),
    el(
      "span",
      { class: `ratio ${kind}` },
      each.ratio === null ? count(each.engagements) : t("movers.ratio", { ratio: decimal(each.ratio) }),
    ),
    el("p", {}, sentence(each)),
  );
}
