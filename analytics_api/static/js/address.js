// What the page shows, kept in the address's query, so that links, reload and back work. The key
// is never part of it.

const NAMES = [
  "period",
  "start",
  "end",
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
];
const FILTERS = ["category", "author", "type", "tag", "promoted"];
export const PERIODS = ["7d", "30d", "90d", "365d", "all"];

const listeners = new Set();
let shown = location.search;

/** What the address says; names that are not ours are left alone. */
export function current() {
  const query = new URLSearchParams(location.search);
  const state = {};
  for (const name of NAMES) if (query.get(name)) state[name] = query.get(name);
  if (!PERIODS.includes(state.period)) delete state.period;
  if (!state.start) delete state.end;
  return state;
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
let reportingZone = "UTC";

/** The zone that the service counts days in; used when the browser reports none. */
export function setReportingZone(name) {
  reportingZone = isZone(name) ? name : "UTC";
}

/** Use no zone that the service does not know. Returns whether the zone shown changes. */
export function refuseZone(name) {
  const before = zone();
  refused.add(name);
  return zone() !== before;
}

function isZone(name) {
  if (!/^[A-Za-z]/.test(name ?? "") || name === "Etc/Unknown" || refused.has(name)) return false;
  try {
    return Boolean(new Intl.DateTimeFormat("en", { timeZone: name }));
  } catch {
    return false;
  }
}

const browserZone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;
const fallback = () => (refused.has(reportingZone) ? "UTC" : reportingZone);
export const ownZone = () => (isZone(browserZone()) ? browserZone() : fallback());
export const zone = () => (isZone(current().tz) ? current().tz : ownZone());

/** What to say where another zone is shown than was asked for; "" where none is. */
export function zoneNote() {
  const { tz } = current();
  if (tz && !isZone(tz)) return `The time zone of this address is not known: times are in ${zone()}.`;
  if (!tz && !isZone(browserZone()))
    return `This browser reports no known time zone: times are in ${zone()}, the reporting time zone.`;
  return "";
}

/** The scope of reports as the API wants it; *without* leaves some filters out. */
export function scope(without = []) {
  const state = current();
  const query = new URLSearchParams();
  if (state.start) {
    query.set("start", state.start);
    if (state.end) query.set("end", state.end);
  } else query.set("period", state.period ?? "30d");
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
