// Numbers and times as people read them.

const PERCENT = "\u00a0%"; // on the same line as its number
const whole = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const one = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const two = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });

export const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

export const count = (value) => whole.format(value);
/** Short where a tile has little room; exact below a million. */
export const figure = (value) => (Math.abs(value) < 1e6 ? whole.format(value) : short.format(value));
export const decimal = (value) => two.format(value);
export const percent = (value) => one.format(value) + PERCENT;
export const signed = (value) =>
  (value > 0 ? "+" : value < 0 ? "−" : "") + one.format(Math.abs(value)) + PERCENT;
export const range = (low, high) => `${signed(low).replace(PERCENT, "")} to ${signed(high)}`;
export const plural = (value, word) => `${whole.format(value)} ${word}${value === 1 ? "" : "s"}`;
export const hour = (value) => `${String(value).padStart(2, "0")}:00`;

export function seconds(value) {
  if (value === null || value === undefined) return "–";
  if (value < 1) return `${Math.max(1, Math.round(value * 1000))} ms`;
  if (value < 120) return `${value < 10 ? one.format(value) : Math.round(value)} s`;
  if (value < 7200) return `${Math.round(value / 60)} min`;
  return value < 172800 ? `${Math.round(value / 3600)} h` : `${Math.round(value / 86400)} d`;
}

export const age = (then) => seconds(Math.max(0, (Date.now() - new Date(then)) / 1000));

export function date(instant, zone, options = { day: "numeric", month: "short", year: "numeric" }) {
  return new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...options }).format(new Date(instant));
}

const CLOCK = { hour: "2-digit", minute: "2-digit", second: "2-digit" };
const INSTANT = { day: "numeric", month: "short", year: "numeric", ...CLOCK };
/** A moment with its date and zone. */
export const moment = (instant, zone) => `${date(instant, zone, INSTANT)} ${zone.replaceAll("_", " ")}`;

const DAY = { day: "numeric", month: "short", year: "numeric" };
/** The days from one instant to just before another, such as 5 Oct – 1 Nov 2026. */
export function days(start, end, zone) {
  const format = new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...DAY });
  return format.formatRange(new Date(start), new Date(new Date(end).getTime() - 1));
}

/** The hour of day and the weekday (0 is Sunday) that it is now in a zone. */
export function nowIn(zone) {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    weekday: "long",
    hour: "numeric",
    hourCycle: "h23",
  }).formatToParts(new Date());
  const part = (type) => parts.find((each) => each.type === type).value;
  return { hour: Number(part("hour")), day: DAYS.indexOf(part("weekday")) };
}
