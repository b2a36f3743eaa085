// What goes along with media, titles and tags. No causes.

import { at } from "../api.js";
import { scope } from "../address.js";
import { el } from "../dom.js";
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
    this.panel = new Panel("effects", "What goes along with more engagement", {
      about:
        "The same author's posts with and without it, at equal age. They may differ in more than that: only an experiment tells the cause.",
      sql: ["post_features"],
      formula:
        "ln(1 + engagements in the first hours) and the feature, both as differences from the mean of the author's posts in the category: lift = 100 × (exp(slope) − 1). The interval's errors are clustered by author.",
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
        "What goes along with more engagement",
        [["Feature"], ["95 % interval"], ["Lift", "number"], ["Posts", "number wide-only"]],
        shown.map((each) =>
          el(
            "tr",
            {},
            el(
              "th",
              { scope: "row" },
              NAMES[each.feature] ?? each.feature.replace(/^tag:/, "#"),
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
