// When recording began, and from when there will be enough data.

import { totalsPath, zone } from "./address.js";
import { ask } from "./api.js";
import { date } from "./format.js";
import { t } from "./messages.js";
import { notEnough } from "./region.js";

const DAY_MS = 86_400_000;
const LONG = { weekday: "long", day: "numeric", month: "long", year: "numeric" };

/** The date of the first event; null: there is none. */
export async function recordedSince() {
  const { body } = await ask(totalsPath());
  return body.recorded_since ? new Date(body.recorded_since) : null;
}

export const daysAfter = (instant, days) => new Date(instant.getTime() + days * DAY_MS);
export const written = (instant) => date(instant, zone(), LONG);

/**
 * The state of a panel that needs *days* of recorded engagement: what is missing, and the date on which there will be
 * enough. null: there are enough.
 */
export async function needsDays(days, what) {
  const since = await recordedSince();
  if (!since) return notEnough(`${what} ${t("state.nothing_recorded")}`);
  const from = daysAfter(since, days);
  if (from <= new Date()) return null;
  return notEnough(
    `${what} ${t("state.began", { date: written(since) })}`,
    t("state.enough_from", { date: written(from) }),
  );
}

/** As needsDays, or *otherwise* where enough is recorded. */
export const needsDaysOr = async (days, what, otherwise) => (await needsDays(days, what)) ?? otherwise;
