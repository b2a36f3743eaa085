// How media, titles and tags correlate with engagement. No causes.

import { at } from "../api.js";
import { chosenDays, filterScope, scope, zone } from "../address.js";
import { el, named } from "../dom.js";
import { needsDaysOr } from "../facts.js";
import { plural, range, signed } from "../format.js";
import { Panel, Part } from "../panel.js";
import { addDays, daysBetween, todayIn } from "../periods.js";
import { notEnough } from "../region.js";
import { table } from "../table.js";
import { interval } from "./interval.js";

const NAMES = {
  media: "A picture or video",
  promoted: "Promotion",
  title_length: "A longer title",
  content_length: "A longer text",
};
const SHOWN = 8;
const MIN_DAYS = 91;

export class Effects extends Part {
  constructor() {
    super(
      new Panel("effects", "What correlates with more engagement", {
        about:
          "Posts published in this period, or in the last 91 days if it is shorter: the same author's posts with and without a feature, in their first 48 hours. They may differ in more than that: only an experiment shows the cause.",
        sql: ["post_features"],
        formula:
          "Lift = 100 × (ratio − 1) of mean engagements in the first hours, with and without the feature, within the author's posts of the category (Poisson regression). The 95 % interval allows for authors who differ. Clear: at most 5 % of the clear features are chance (Benjamini-Hochberg); needs posts of at least 6 authors.",
        empty: () =>
          needsDaysOr(
            2,
            "Posts are compared when they are 48 hours old.",
            notEnough("A feature is compared when at least 6 authors have posts with it and posts without it."),
          ),
      }),
    );
  }

  path() {
    const today = todayIn(zone());
    const { start, end } = chosenDays();
    if (!start || daysBetween(start, end ?? today) >= MIN_DAYS) return at("/reports/effects", scope());
    const query = filterScope();
    query.set("start", addDays(today, 1 - MIN_DAYS));
    return at("/reports/effects", query);
  }

  draw(effects) {
    const shown = effects.slice(0, SHOWN);
    const least = Math.min(-10, ...shown.map((each) => each.low_pct));
    const most = Math.max(10, ...shown.map((each) => each.high_pct));
    return table(
      "What correlates with more engagement",
      [["Feature"], ["95 % interval"], ["Lift", "number"], ["Posts", "number wide-only"]],
      shown.map((each) => effectRow(each, least, most)),
    );
  }
}

const effectRow = (each, least, most) =>
  el(
    "tr",
    { data: { key: each.feature } },
    el(
      "th",
      { scope: "row" },
      NAMES[each.feature] ?? named(each.feature.replace(/^tag:/, "#")),
      el("span", { class: "quiet small wide-only" }, ` · ${each.unit}`),
    ),
    el("td", {}, interval({ low: each.low_pct, value: each.lift_pct, high: each.high_pct, least, most, mark: 0 })),
    el(
      "td",
      { class: "number", title: range(each.low_pct, each.high_pct) },
      each.is_clear ? signed(each.lift_pct) : "not clear",
    ),
    el("td", { class: "number wide-only" }, plural(each.posts_with ?? each.posts, "post")),
  );
