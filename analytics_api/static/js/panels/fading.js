// How fast engagement with posts fades, and old posts that still earn it.

import { at } from "../api.js";
import { filterScope, zone } from "../address.js";
import { articleLink } from "../article.js";
import { el, named } from "../dom.js";
import { needsDaysOr } from "../facts.js";
import { ageOf, count, date, decimal, percent } from "../format.js";
import { t } from "../messages.js";
import { Panel, Part } from "../panel.js";
import { placeholder } from "../region.js";
import { interval } from "./interval.js";
import { row } from "./rows.js";

const SHOWN = 8;
const EVERGREENS = 6;
const WEEK_DAYS = 7;
const OLD_DAYS = 35;

/** The half-life of each category's posts. */
export class Decay extends Part {
  constructor() {
    super(
      new Panel("decay", t("decay.title"), {
        about: t("decay.about"),
        sql: ["decay"],
        formula: t("decay.formula"),
        empty: () => needsDaysOr(WEEK_DAYS, t("decay.needs"), placeholder(t("decay.none"))),
      }),
    );
  }

  path() {
    return at("/reports/decay", filterScope());
  }

  draw(rows) {
    const most = Math.max(...rows.map((each) => each.half_life_hours ?? 0)) || 1;
    return el(
      "ol",
      { class: "rows" },
      rows.slice(0, SHOWN + 1).map((each) =>
        row({
          key: each.category ?? "",
          label: each.category ?? t("decay.all"),
          figure: each.half_life_hours === null ? "–" : ageOf(each.half_life_hours, "short"),
          part: (each.half_life_hours ?? 0) / most,
          leads: each.category === null ? undefined : { category: each.category, post: undefined },
          sub: [t("count.posts", { count: each.posts }), each.pct_1h !== null && shares(each)],
        }),
      ),
    );
  }
}

const shares = (each) =>
  t("decay.shares", { hour: percent(each.pct_1h), day: percent(each.pct_24h) });

/** Old posts that earn more than posts of their age do. */
export class Evergreen extends Part {
  constructor() {
    super(
      new Panel("evergreen", t("evergreen.title"), {
        about: t("evergreen.about"),
        sql: ["evergreen"],
        formula: t("evergreen.formula"),
        empty: noEvergreen,
      }),
    );
  }

  path() {
    const query = filterScope();
    query.set("limit", EVERGREENS);
    return at("/reports/evergreen", query);
  }

  draw(rows) {
    const found = rows.filter((each) => each.is_evergreen);
    if (!found.length) return noEvergreen();
    const most = Math.max(...found.map((each) => each.high));
    return el(
      "ol",
      { class: "rows" },
      found.map((each) =>
        row({
          key: each.post_id,
          label: each.title,
          figure: t("ranking.index", { index: decimal(each.index) }),
          leads: { post: String(each.post_id) },
          article: articleLink(each),
          sub: [
            named(each.author_name),
            ` · ${date(each.publish_date, zone())} · `,
            t("evergreen.recent", { recent: count(each.recent), expected: decimal(each.expected) }),
          ],
          aside: interval({ low: each.low, value: each.index, high: each.high, most, mark: 1 }),
        }),
      ),
    );
  }
}

const noEvergreen = () =>
  needsDaysOr(OLD_DAYS, t("evergreen.needs"), placeholder(t("evergreen.none"), t("evergreen.none_text")));
