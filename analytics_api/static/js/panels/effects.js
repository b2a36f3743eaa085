// How media, titles and tags correlate with engagement. No causes.

import { at } from "../api.js";
import { chosenDays, filterScope, scope, zone } from "../address.js";
import { el, named } from "../dom.js";
import { needsDaysOr } from "../facts.js";
import { range, signed } from "../format.js";
import { isKnown, t } from "../messages.js";
import { Panel, Part } from "../panel.js";
import { addDays, daysBetween, todayIn } from "../periods.js";
import { notEnough } from "../region.js";
import { table } from "../table.js";
import { interval } from "./interval.js";

const SHOWN = 8;
const MIN_DAYS = 91;

export class Effects extends Part {
  constructor() {
    super(
      new Panel("effects", t("effects.title"), {
        about: t("effects.about"),
        sql: ["post_features"],
        formula: t("effects.formula"),
        empty: () => needsDaysOr(2, t("state.at_48_hours"), notEnough(t("effects.needs"))),
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
      t("effects.title"),
      [
        [t("effects.column.feature")],
        [t("effects.column.interval")],
        [t("effects.column.lift"), "number"],
        [t("effects.column.posts"), "number wide-only"],
      ],
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
      isKnown(`effects.feature.${each.feature}`)
        ? t(`effects.feature.${each.feature}`)
        : named(each.feature.replace(/^tag:/, "#")),
      isKnown(`effects.unit.${each.feature}`) &&
        el("span", { class: "quiet small wide-only" }, ` · ${t(`effects.unit.${each.feature}`)}`),
    ),
    el("td", {}, interval({ low: each.low_pct, value: each.lift_pct, high: each.high_pct, least, most, mark: 0 })),
    el(
      "td",
      { class: "number", title: range(each.low_pct, each.high_pct) },
      each.is_clear ? signed(each.lift_pct) : t("effects.not_clear"),
    ),
    el("td", { class: "number wide-only" }, t("count.posts", { count: each.posts_with ?? each.posts })),
  );
