// What is said about the address: the name of its period, and what is wrong with it.

import { current, isZone, zone } from "./address.js";
import { t } from "./messages.js";
import { daysBetween, isDate, todayIn } from "./periods.js";

export const periodName = (period) => t(`period.${period}`);

/** What is wrong with two chosen dates; "" if nothing is. */
export function problemOf(start, end, today) {
  if (!start) return t("period.no_start");
  if (!isDate(start) || (end && !isDate(end))) return t("period.no_date");
  if (end && end < start) return t("period.reversed", { start, end });
  if (start > today) return t("period.in_future");
  return daysBetween(start, end || today) > 3660 ? t("period.too_long") : "";
}

/** What is wrong with the days in the address; "" if nothing is. */
export function periodProblem() {
  const { start, end } = current();
  return start ? problemOf(start, end, todayIn(zone())) : "";
}

/** What to say where another zone is shown than was asked for; "" where none is. */
export function zoneNote() {
  const { tz } = current();
  return tz && !isZone(tz) ? t("zone.unknown", { zone: zone() }) : "";
}
