// Periods by name, as local dates. A date is the text YYYY-MM-DD of a day in the page's time zone.

const utc = (date) => new Date(`${date}T00:00:00Z`);
const text = (time) => time.toISOString().slice(0, 10);
/** The date a number of days later. */
export const addDays = (date, days) => text(new Date(utc(date).getTime() + days * 86_400_000));
/** How many days a period has, both ends included. */
export const daysBetween = (first, last) => Math.round((utc(last) - utc(first)) / 86_400_000) + 1;
export const isDate = (given) => /^\d{4}-\d\d-\d\d$/.test(given ?? "") && text(utc(given)) === given;

/** The date that it is now in a zone. */
export function todayIn(zone) {
  const parts = new Intl.DateTimeFormat("en", {
    timeZone: zone,
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
  }).formatToParts(new Date());
  const part = (type) => parts.find((each) => each.type === type).value;
  return `${part("year")}-${part("month")}-${part("day")}`;
}

const monday = (date) => addDays(date, -((utc(date).getUTCDay() + 6) % 7));
const firstOfMonth = (date) => `${date.slice(0, 8)}01`;

/** Name, and first and last day; no last day: today until now. Weeks begin on Monday. */
const PRESETS = {
  today: ["Today", (today) => [today]],
  yesterday: ["Yesterday", (today) => [addDays(today, -1), addDays(today, -1)]],
  week: ["This week", (today) => [monday(today)]],
  last_week: ["Last week", (today) => [addDays(monday(today), -7), addDays(monday(today), -1)]],
  month: ["This month", (today) => [firstOfMonth(today)]],
  last_month: [
    "Last month",
    (today) => [firstOfMonth(addDays(firstOfMonth(today), -1)), addDays(firstOfMonth(today), -1)],
  ],
  "7d": ["7 days", (today) => [addDays(today, -6)]],
  "28d": ["28 days", (today) => [addDays(today, -27)]],
  "91d": ["91 days", (today) => [addDays(today, -90)]],
  year: ["1 year", (today) => [addDays(today, -363)]],
  all: ["All time", () => []],
};

export const DEFAULT_PERIOD = "28d";
export const PERIODS = Object.keys(PRESETS);
export const periodName = (period) => PRESETS[period][0];

/** First and last day of a period by name; undefined where it has none. */
export function daysOf(period, today) {
  const [start, end] = PRESETS[period][1](today);
  return { start, end };
}

/** What is wrong with two chosen dates; "" if nothing is. */
export function problemOf(start, end, today) {
  if (!start) return "Choose the first day.";
  if (!isDate(start) || (end && !isDate(end))) return "Dates are written YYYY-MM-DD.";
  if (end && end < start) return `The last day (${end}) is before the first day (${start}).`;
  if (start > today) return "The first day is in the future.";
  return daysBetween(start, end || today) > 3660 ? "A period may have at most ten years." : "";
}
