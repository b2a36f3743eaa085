// Periods by name, as local dates. A date is the text YYYY-MM-DD of a day in the page's time zone.

const utc = (date) => new Date(`${date}T00:00:00Z`);
const text = (time) => time.toISOString().slice(0, 10);
/** The date a number of days later. */
export const addDays = (date, days) => text(new Date(utc(date).getTime() + days * 86_400_000));
/** How many days a period has, both ends included. */
export const daysBetween = (first, last) => Math.round((utc(last) - utc(first)) / 86_400_000) + 1;
export const isDate = (given) => /^\d{4}-\d\d-\d\d$/.test(given ?? "") && text(utc(given)) === given;

/** The date of an instant in a zone. */
export function dateIn(zone, instant) {
  const parts = new Intl.DateTimeFormat("en", {
    timeZone: zone,
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
  }).formatToParts(new Date(instant));
  const part = (type) => parts.find((each) => each.type === type).value;
  return `${part("year")}-${part("month")}-${part("day")}`;
}

/** The date that it is now in a zone. */
export const todayIn = (zone) => dateIn(zone, new Date());

const monday = (date) => addDays(date, -((utc(date).getUTCDay() + 6) % 7));
const firstOfMonth = (date) => `${date.slice(0, 8)}01`;

/** First and last day; no last day: today until now. Weeks begin on Monday. */
const PRESETS = {
  today: (today) => [today],
  yesterday: (today) => [addDays(today, -1), addDays(today, -1)],
  week: (today) => [monday(today)],
  last_week: (today) => [addDays(monday(today), -7), addDays(monday(today), -1)],
  month: (today) => [firstOfMonth(today)],
  last_month: (today) => [firstOfMonth(addDays(firstOfMonth(today), -1)), addDays(firstOfMonth(today), -1)],
  "7d": (today) => [addDays(today, -6)],
  "28d": (today) => [addDays(today, -27)],
  "91d": (today) => [addDays(today, -90)],
  year: (today) => [addDays(today, -363)],
  all: () => [],
};

export const DEFAULT_PERIOD = "28d";
export const PERIODS = Object.keys(PRESETS);

/** First and last day of a period by name; undefined where it has none. */
export function daysOf(period, today) {
  const [start, end] = PRESETS[period](today);
  return { start, end };
}
