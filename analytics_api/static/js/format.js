// Numbers and times as people write them in the chosen language.

import { locale, t } from "./messages.js";
import { dateIn } from "./periods.js";

const MINUS = "−";
const number = (options) => {
  const format = new Intl.NumberFormat(locale, options);
  return (value) => format.format(value).replace("-", MINUS);
};
const inUnit = (unit, maximumFractionDigits = 0, unitDisplay = "short") =>
  number({ style: "unit", unit, unitDisplay, maximumFractionDigits });

const short = number({ notation: "compact", maximumFractionDigits: 1 });
const hundredths = number({ style: "percent", maximumFractionDigits: 2 });
const share = number({ style: "percent", maximumFractionDigits: 1 });
const change = number({ style: "percent", maximumFractionDigits: 1, signDisplay: "exceptZero" });
const unsignedChange = number({ style: "percent", maximumFractionDigits: 1, signDisplay: "never" });
const UNITS = {
  milliseconds: inUnit("millisecond"),
  precise: inUnit("second", 1),
  seconds: inUnit("second"),
  minutes: inUnit("minute"),
  hours: inUnit("hour"),
  days: inUnit("day"),
};

export const count = number({ maximumFractionDigits: 0 });
/** Short where a tile has little room; exact below a million. */
export const figure = (value) => (Math.abs(value) < 1e6 ? count(value) : short(value));
export const decimal = number({ maximumFractionDigits: 2 });
/** A number with its sign. */
export const delta = number({ maximumFractionDigits: 1, signDisplay: "exceptZero" });
export const percent = (value) => share(value / 100);
/** A percentage with two decimals. */
export const rate = (value) => hundredths(value / 100);
export const signed = (value) => change(value / 100);
/** A change whose direction is shown in another way. */
export const unsigned = (value) => unsignedChange(value / 100);
export const range = (low, high) => t("range", { low: delta(low), high: signed(high) });

export function seconds(value) {
  if (value === null || value === undefined) return "–";
  if (value < 1) return UNITS.milliseconds(Math.max(1, value * 1000));
  if (value < 120) return (value < 10 ? UNITS.precise : UNITS.seconds)(value);
  if (value < 7200) return UNITS.minutes(value / 60);
  return value < 172_800 ? UNITS.hours(value / 3600) : UNITS.days(value / 86_400);
}

const AGES = Object.fromEntries(
  ["long", "short"].map((style) => [style, ["minute", "hour", "day"].map((unit) => inUnit(unit, unit === "minute" ? 0 : 1, style))]),
);
/** An age in hours, such as 15 minutes, 6 hours or 2.5 days. */
export function ageOf(hours, style = "long") {
  const [minutes, inHours, inDays] = AGES[style];
  if (hours < 1) return minutes(hours * 60);
  // 30 hours are 1.25 days, which has too many decimals.
  const isInexact = hours < 48 && Number.isInteger(hours) && !Number.isInteger((hours * 10) / 24);
  return hours < 24 || isInexact ? inHours(hours) : inDays(hours / 24);
}

export const age = (then) => seconds(Math.max(0, (Date.now() - new Date(then)) / 1000));

const listFormat = new Intl.ListFormat(locale);
/** Items, texts or elements, as a list in words. */
export const list = (items) =>
  listFormat
    .formatToParts(items.map((_, place) => `${place}`))
    .map(({ type, value }) => (type === "element" ? items[Number(value)] : value));

const DAY = { day: "numeric", month: "short", year: "numeric" };
const CLOCK = { hour: "2-digit", minute: "2-digit" };

export function date(instant, zone, options = DAY) {
  return new Intl.DateTimeFormat(locale, { timeZone: zone, ...options }).format(new Date(instant));
}

/** The time of day. */
export const clock = (instant, zone) => date(instant, zone, CLOCK);
/** A moment with its date and zone. */
export const moment = (instant, zone) =>
  `${date(instant, zone, { ...DAY, ...CLOCK, second: "2-digit" })} ${zone.replaceAll("_", " ")}`;

/** The days from one instant to just before another, such as 5 Oct – 1 Nov 2026. */
export function days(start, end, zone) {
  const format = new Intl.DateTimeFormat(locale, { timeZone: zone, ...DAY });
  return format.formatRange(new Date(start), new Date(new Date(end).getTime() - 1));
}

const SUNDAY = Date.UTC(2023, 0, 1);
/** The name of a weekday; 0 is Sunday. */
export const weekday = (day, style = "long") => date(SUNDAY + day * 86_400_000, "UTC", { weekday: style });
/** An hour of the day as a time. */
export const hour = (value) => clock(SUNDAY + value * 3_600_000, "UTC");

/** The hour of day and the weekday (0 is Sunday) that it is now in a zone. */
export function nowIn(zone) {
  const now = new Date();
  const parts = new Intl.DateTimeFormat("en", { timeZone: zone, hour: "numeric", hourCycle: "h23" }).formatToParts(now);
  const day = new Date(`${dateIn(zone, now)}T00:00:00Z`).getUTCDay();
  return { hour: Number(parts.find((each) => each.type === "hour").value), day };
}
