// Do new authors improve? By the months since they joined, at equal age of their posts.

import { at } from "../api.js";
import { scope } from "../address.js";
import { el } from "../dom.js";
import { decimal, plural } from "../format.js";
import { INDEX, Panel } from "../panel.js";
import { interval } from "./interval.js";
import { row } from "./rows.js";

const SHOWN = 8;

export class Cohorts {
  constructor() {
    this.panel = new Panel("cohorts", "Do new authors improve?", {
      about:
        "Posts of authors who joined in the last year, by months since they joined: a multiple of what is usual in their first 48 hours.",
      sql: ["cohorts"],
      formula: INDEX,
      empty: "Nobody joined in the last year.",
    });
    this.elements = [this.panel.element];
  }

  show() {
    const query = scope();
    for (const name of ["period", "start", "end"]) query.delete(name);
    return this.panel.show(at("/reports/cohorts", query), (months) => {
      const shown = months.slice(0, SHOWN);
      const most = Math.max(2, ...shown.map((each) => each.high));
      return el(
        "ol",
        { class: "rows" },
        shown.map((each) =>
          row({
            key: each.month,
            label: each.month ? `${plural(each.month, "month")} later` : "First month",
            figure: `${decimal(each.index)} ×`,
            aside: interval({ low: each.low, value: each.index, high: each.high, most, mark: 1 }),
            sub: `${plural(each.authors, "author")} · ${plural(each.posts, "post")}`,
          }),
        ),
      );
    });
  }
}
