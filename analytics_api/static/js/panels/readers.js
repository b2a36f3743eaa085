// Known readers: how many are new, return and are loyal, and what brings those who come back.

import { at } from "../api.js";
import { chosenDays, scope, zone } from "../address.js";
import { el } from "../dom.js";
import { daysAfter, needsDaysOr, recordedSince, written } from "../facts.js";
import { count, percent } from "../format.js";
import { t } from "../messages.js";
import { Panel, Part } from "../panel.js";
import { daysBetween, todayIn } from "../periods.js";
import { notEnough, placeholder } from "../region.js";
import { interval } from "./interval.js";
import { choice, row } from "./rows.js";

const BEFORE_DAYS = 28;
const LOYAL_DAYS = 8;
const RETURN_DAYS = 7;
const SHOWN = 6;

/** What is said where no event of the period has a user. */
export const noKnownReaders = () =>
  placeholder(t("readers.none"), t("readers.none_text"));

/** How many days the chosen period has; Infinity: all time. */
function periodDays() {
  const { start, end } = chosenDays();
  return start ? daysBetween(start, end ?? todayIn(zone())) : Infinity;
}

/** New, returning and loyal readers. */
export class Loyalty extends Part {
  constructor() {
    super(
      new Panel("loyalty", t("loyalty.title"), {
        about: t("loyalty.about"),
        sql: ["loyalty"],
        formula: t("loyalty.formula", { before: BEFORE_DAYS, loyal: LOYAL_DAYS }),
      }),
    );
  }

  path() {
    return at("/reports/loyalty", scope());
  }

  async draw(found) {
    if (!found.active_users) return noKnownReaders();
    const { active_users: all, new_users: fresh, returning_users: returning, loyal_users: loyal } = found;
    const part = (value) => t("funnel.of_them", { share: percent((100 * value) / all) });
    return [
      fresh !== null &&
        el(
          "div",
          { class: "split", "aria-hidden": "true" },
          el("i", { class: "returning", vars: { flex: `${returning}` } }),
          el("i", { vars: { flex: `${fresh}` } }),
        ),
      el(
        "dl",
        { class: "facts" },
        fact("active_users", t("tile.active_users"), count(all)),
        fresh !== null && fact("returning_users", t("loyalty.returning"), count(returning), part(returning), "returning"),
        fresh !== null && fact("new_users", t("loyalty.new"), count(fresh), part(fresh), "fresh"),
        loyal !== null && fact("loyal_users", t("loyalty.loyal"), count(loyal), t("loyalty.loyal_text", { loyal: LOYAL_DAYS, before: BEFORE_DAYS })),
      ),
      found.no_comparison && (await whyUnknown(found)),
    ];
  }
}

const fact = (id, name, value, note, kind) =>
  el(
    "div",
    { data: { key: id } },
    el("dt", { class: kind ? `key-part ${kind}` : null }, name),
    el("dd", { data: { fact: id } }, value, note && el("small", {}, note)),
  );

async function whyUnknown({ no_comparison: why, loyal_users: loyal }) {
  if (why === "all_time") return placeholder(t("loyalty.all_time"), t("loyalty.all_time_text"));
  if (why === "expired") return placeholder(t("loyalty.expired"), t("loyalty.expired_text", { before: BEFORE_DAYS }));
  if (why === "recording_gap") return placeholder(t("loyalty.expired"), t("loyalty.gap_text", { before: BEFORE_DAYS }));
  const since = await recordedSince();
  const needs = t("loyalty.needs", { before: BEFORE_DAYS });
  if (!since) return notEnough(`${needs} ${t("state.nothing_recorded")}`);
  const from = daysAfter(since, BEFORE_DAYS + (loyal === null ? 0 : periodDays()));
  return notEnough(
    `${needs} ${t("state.began", { date: written(since) })}`,
    from > new Date() ? t("state.enough_from", { date: written(from) }) : t("loyalty.shorter"),
  );
}

const LEADS = {
  post: (key) => ({ post: key }),
  author: (key) => ({ author: key, post: undefined }),
  category: (key) => ({ category: key, post: undefined }),
};

/** Posts, authors or categories whose new readers come back. */
export class ReturningReaders extends Part {
  constructor() {
    const options = Object.keys(LEADS).map((each) => [each, t(`returning.${each}`)]);
    const control = choice(t("returning.by"), options, "post", (value) => {
      this.by = value;
      this.change();
    });
    super(
      new Panel("returning", t("returning.title"), {
        about: t("returning.about"),
        sql: ["returning_users"],
        formula: t("returning.formula"),
        controls: [control],
        empty: noNewReaders,
      }),
    );
    this.by = "post";
  }

  path() {
    const query = scope();
    query.set("limit", SHOWN);
    return at(`/reports/returning-users/${this.by}`, query);
  }

  draw(rows) {
    const most = Math.max(...rows.map((each) => each.high_pct));
    return el(
      "ol",
      { class: "rows" },
      rows.map((each) =>
        row({
          key: each.key,
          label: each.label,
          figure: percent(each.return_pct),
          leads: LEADS[this.by](each.key),
          sub: t("returning.came_back", { count: each.new_users, returned: each.returned }),
          aside: interval({ low: each.low_pct, value: each.return_pct, high: each.high_pct, most }),
        }),
      ),
    );
  }
}

function noNewReaders() {
  if (periodDays() <= RETURN_DAYS + 1)
    return placeholder(t("returning.short"), `${t("returning.needs")} ${t("returning.longer")}`);
  return needsDaysOr(RETURN_DAYS, t("returning.needs"), placeholder(t("returning.none"), t("readers.none_text")));
}
