// How media, titles and tags correlate with engagement. No causes.

import { at } from "../api.js";
import { scope } from "../address.js";
import { el, named } from "../dom.js";
import { plural, range, signed } from "../format.js";
import { Panel } from "../panel.js";
import { table } from "../table.js";
import { interval } from "./interval.js";

const NAMES = {
  media: "A picture or video",
  promoted: "Promotion",
  title_length: "A longer title",
  content_length: "A longer text",
};
const SHOWN = 8;

export class Effects {
  constructor() {
    this.panel = new Panel("effects", "What correlates with more engagement", {
      about:
        "The same author's posts with and without it, at equal age. They may differ in more than that: only an experiment shows the cause.",
      sql: ["post_features"],
      formula:
        "Lift = 100 × (ratio − 1) of mean engagements in the first hours, with and without the feature, within the author's posts of the category (Poisson regression). The 95 % interval allows for authors who differ. Clear: at most 5 % of the clear features are chance (Benjamini-Hochberg); needs posts of at least 6 authors.",
      empty: "Too few posts were published in this period to compare.",
    });
    this.elements = [this.panel.element];
  }

  show() {
    const query = scope();
    if (query.get("period") === "7d" || query.get("period") === "30d") query.set("period", "90d");
    return this.panel.show(at("/reports/effects", query), (effects) => {
      const shown = effects.slice(0, SHOWN);
      const least = Math.min(-10, ...shown.map((each) => each.low_pct));
      const most = Math.max(10, ...shown.map((each) => each.high_pct));
      return table(
        "What correlates with more engagement",
        [["Feature"], ["95 % interval"], ["Lift", "number"], ["Posts", "number wide-only"]],
        shown.map((each) =>
          el(
            "tr",
            {},
            el(
              "th",
              { scope: "row" },
              NAMES[each.feature] ?? named(each.feature.replace(/^tag:/, "#")),
              el("span", { class: "quiet small wide-only" }, ` · ${each.unit}`),
            ),
            el(
              "td",
              {},
              interval({
                low: each.low_pct,
                value: each.lift_pct,
                high: each.high_pct,
                least,
                most,
                mark: 0,
              }),
            ),
            el(
              "td",
              { class: "number", title: range(each.low_pct, each.high_pct) },
              each.is_clear ? signed(each.lift_pct) : "not clear",
            ),
            el("td", { class: "number wide-only" }, plural(each.posts_with ?? each.posts, "post")),
          ),
        ),
      );
    });
  }
}
