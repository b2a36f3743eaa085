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

/** Go to the address with some names changed, without loading the page anew. */
export function go(changes) {
  const to = link(changes);
  if (to === location.pathname + location.search) return;
  history.pushState(null, "", to);
  tell();
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
export const ownZone = () => Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
export const zone = () => current().tz ?? ownZone();

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

function tell() {
  shown = location.search;
  for (const listener of listeners) listener(current());
}

// A link to a place on the page pops the state as well, and changes nothing.
addEventListener("popstate", () => {
  if (location.search !== shown) tell();
});
