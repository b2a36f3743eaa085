// Do new authors improve? Each compared with the own first month, at equal age of their posts.

import { at } from "../api.js";
import { filterScope } from "../address.js";
import { el } from "../dom.js";
import { needsDaysOr } from "../facts.js";
import { count, decimal } from "../format.js";
import { t } from "../messages.js";
import { Panel, Part } from "../panel.js";
import { placeholder } from "../region.js";
import { interval } from "./interval.js";
import { row } from "./rows.js";

const SHOWN = 8;

export class Cohorts extends Part {
  constructor() {
    super(
      new Panel("cohorts", t("cohorts.title"), {
        about: t("cohorts.about"),
        sql: ["cohorts"],
        formula: t("cohorts.formula"),
        empty: () => needsDaysOr(2, t("state.at_48_hours"), placeholder(t("cohorts.none"), t("cohorts.none_text"))),
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
          label: each.month ? t("cohorts.later", { count: each.month }) : t("cohorts.first"),
          figure: each.index === null ? "–" : t("ranking.index", { index: decimal(each.index) }),
          aside:
            each.low === null
              ? el("span", { class: "quiet small" }, each.month ? t("cohorts.too_few") : t("cohorts.reference"))
              : interval({ low: each.low, value: each.index, high: each.high, most, mark: 1 }),
          sub: t("cohorts.sub", {
            authors: t("count.authors", { count: each.authors }),
            compared: count(each.compared_authors),
            posts: t("count.posts", { count: each.posts }),
          }),
        }),
      ),
    );
  }
}
