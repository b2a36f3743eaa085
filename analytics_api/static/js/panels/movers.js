// What is well above or below the baseline of these hours of the week, and why.

import { at } from "../api.js";
import { filterScope, goes, link } from "../address.js";
import { el, named } from "../dom.js";
import { daysAfter, recordedSince, written } from "../facts.js";
import { count, decimal } from "../format.js";
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

const POST_DAYS = 8;
const AUTHOR_DAYS = 22;

/** What is said where nothing moved: that there is no baseline yet, or that all is as usual. */
export async function nothingMoved() {
  const since = await recordedSince();
  const from = since && daysAfter(since, AUTHOR_DAYS);
  if (from && from <= new Date())
    return placeholder("Nothing unusual", "Nothing is far from the baseline of these hours of the week.");
  const needs =
    "The last 24 hours are compared with the same hours of 3 weeks before, those of a post with the week before.";
  if (!since) return notEnough(`${needs} Nothing is recorded yet.`);
  return notEnough(
    `${needs} Recording began on ${written(since)}.`,
    `Posts can be compared from ${written(daysAfter(since, POST_DAYS))}, authors and categories from ${written(from)}.`,
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
    ? each.label
    : el("a", { href: link(leads(each)), onclick: goes(leads(each)) }, named(each.label));

const DIRECTIONS = /[\u202a-\u202e\u2066-\u2069]/g;
/** What moved it, without its name, which the API isolates where it runs from right to left. */
export function why({ label, sentence }) {
  const name = label.replace(DIRECTIONS, "");
  const begin = [`\u2068${name}\u2069: `, `${name}: `].find((each) => sentence.startsWith(each)) ?? "";
  return `${sentence.slice(begin.length)}.`;
}

export class Movers extends Part {
  constructor() {
    super(
      new Panel("movers", "Rising and falling now", {
        about:
          "The last 24 hours compared with the same hours of the weeks before, or a young post compared with its category's posts at that age. Where nothing changes, at most one row a week appears by chance.",
        sql: ["movers_weeks", "movers_causes", "movers_young"],
        formula:
          "Expected is the median of up to 8 weeks before, times the tide: the ratio of the other authors' engagements to their medians. Counts are transformed so that their variance is 1, and compared in units of the scatter from week to week, which is pooled over all authors, categories or posts. A young post: what it earned between two ages (0, 1, 6, 24, 48 hours), of which it reached the later one in these 24 hours, among the posts of its category. Shown while at most one such row a week is expected by chance.",
        empty: nothingMoved,
      }),
    );
  }

  path() {
    return moversPath();
  }

  draw(rows) {
    return el("ol", { class: "movers" }, rows.slice(0, 7).map(moverRow));
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
      { class: `arrow ${kind}`, "aria-label": rises ? "rising" : "falling", role: "img" },
      rises ? "▲" : "▼",
    ),
    el("span", {}, labelOf(each), each.dimension !== "all" && el("span", { class: "tag" }, each.dimension)),
    el(
      "span",
      { class: `ratio ${kind}` },
      each.ratio === null ? count(each.engagements) : `${decimal(each.ratio)} × the baseline`,
    ),
    el("p", {}, why(each)),
  );
}
