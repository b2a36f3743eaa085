// What the page shows, kept in the address's query, so that links, reload and back work. The key
// is never part of it.

import { DEFAULT_PERIOD, PERIODS, daysOf, isDate, todayIn } from "./periods.js";

const NAMES = [
  "period",
  "start",
  "end",
  "compare",
  "tz",
  "category",
  "author",
  "type",
  "tag",
  "promoted",
  "post",
  "metric",
  "interval",
  "view",
  "lang",
  "tv",
];
const FILTERS = ["category", "author", "type", "tag", "promoted"];
export const COMPARISONS = ["previous", "year", "none"];

const listeners = new Set();
let shown = location.search;

/** What the address says; names that are not ours are left alone. */
export function current() {
  const query = new URLSearchParams(location.search);
  const state = {};
  for (const name of NAMES) if (query.get(name)) state[name] = query.get(name);
  if (!PERIODS.includes(state.period)) delete state.period;
  if (!COMPARISONS.includes(state.compare)) delete state.compare;
  if (!isDate(state.start)) delete state.start;
  if (!state.start || !isDate(state.end)) delete state.end;
  return state;
}

/** Whether the page hangs on a wall: it is only looked at. */
export const isWall = () => Boolean(current().tv);

/** The name of the period: "custom" where days were chosen. */
export const chosenPeriod = () => {
  const { start, period, tv } = current();
  return start ? "custom" : (period ?? (tv ? "today" : DEFAULT_PERIOD));
};

/** First and last day of the period; no last day: today until now; neither: all time. */
export function chosenDays() {
  const { start, end } = current();
  return start ? { start, end } : daysOf(chosenPeriod(), todayIn(zone()));
}

/** The address with some names changed; undefined takes one away. */
export function link(changes) {
  const state = { ...current(), ...changes };
  const query = new URLSearchParams();
  for (const name of NAMES) if (state[name]) query.set(name, state[name]);
  return `${location.pathname}${query.size ? `?${query}` : ""}`;
}

/** Go to the address with some names changed, without loading the page again. */
export function go(changes) {
  const to = link(changes);
  if (to === location.pathname + location.search) return;
  history.pushState(null, "", to);
  notify();
}

/** Name the time zone in the address, so that a copied link shows the same numbers elsewhere. */
export function nameZone() {
  if (current().tz) return;
  history.replaceState(null, "", link({ tz: zone() }));
  shown = location.search;
}

/** A listener for a link to such an address: a plain click stays on the page. */
export const goes = (changes) => (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  go(changes);
};

export const onChange = (listener) => listeners.add(listener);
export const chosenFilters = () => FILTERS.filter((name) => current()[name]);
export const clearFilters = () =>
  go(Object.fromEntries([...FILTERS, "post"].map((name) => [name, undefined])));

const refused = new Set();

/** Use no zone that the service does not know. Returns whether the zone shown changes. */
export function refuseZone(name) {
  const before = zone();
  refused.add(name);
  return zone() !== before;
}

export function isZone(name) {
  if (!/^[A-Za-z]/.test(name ?? "") || name === "Etc/Unknown" || refused.has(name)) return false;
  try {
    return Boolean(new Intl.DateTimeFormat("en", { timeZone: name }));
  } catch {
    return false;
  }
}

/** The zone in which the service counts days; UTC in a browser that does not know it. */
export function reportingZone() {
  const { zone: name } = document.documentElement.dataset;
  return isZone(name) ? name : "UTC";
}

/** The zone of the browser; null where it reports none that is known. */
export function browserZone() {
  const name = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return isZone(name) ? name : null;
}

export const zone = () => (isZone(current().tz) ? current().tz : reportingZone());

/** The parameters of a report: period and filters, but not those *without*. */
export function scope(without = []) {
  const state = current();
  const query = new URLSearchParams();
  const { start, end } = chosenDays();
  if (start) query.set("start", start);
  else query.set("period", "all");
  if (end) query.set("end", end);
  if (state.compare) query.set("compare", state.compare);
  return withFilters(query, without);
}

/** The request of the totals, on which most of the page depends. */
export const totalsPath = () => `/reports/overview?${scope()}`;

/** The parameters of a report whose period is its own. */
export const filterScope = (without = []) => withFilters(new URLSearchParams(), without);

function withFilters(query, without) {
  const state = current();
  query.set("tz", zone());
  for (const name of FILTERS) if (state[name] && !without.includes(name)) query.set(name, state[name]);
  return query;
}

function notify() {
  shown = location.search;
  for (const listener of listeners) listener(current());
}

// A link to a place on the page pops the state as well, and changes nothing.
addEventListener("popstate", () => {
  if (location.search !== shown) notify();
});
