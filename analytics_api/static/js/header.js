// Period, time zone, theme, and the filters that are set.

import { ask } from "./api.js";
import { PERIODS, chosenFilters, clearFilters, current, go, ownZone, zone, zoneNote } from "./address.js";
import { byId, el, named, put, svg } from "./dom.js";

const NAMES = { "7d": "7 days", "30d": "30 days", "90d": "90 days", "365d": "1 year", all: "All" };
const TYPES = { view: "views", like: "likes", comment: "comments", share: "shares" };
const ICONS = {
  light:
    "M12 3v2M12 19v2M5 12H3M21 12h-2M6 6l1.4 1.4M16.6 16.6L18 18M18 6l-1.4 1.4M7.4 16.6L6 18M12 8a4 4 0 100 8 4 4 0 000-8z",
  dark: "M20 14.5A8.5 8.5 0 019.5 4 8.5 8.5 0 1020 14.5z",
};
let showsCustom = false;

/** Draw the header from the address. */
export function drawHeader() {
  drawPeriods();
  drawZone();
  drawTheme();
  drawFilters();
}

function drawPeriods() {
  const state = current();
  const chosen = state.start ? "custom" : (state.period ?? "30d");
  const button = (name, text, does) =>
    el("button", { type: "button", "aria-pressed": String(chosen === name), onclick: does }, text);
  byId("periods").replaceChildren(
    ...PERIODS.map((name) =>
      button(name, NAMES[name], () => {
        showsCustom = false;
        go({ period: name, start: undefined, end: undefined });
      }),
    ),
    button("custom", "Custom", () => {
      showsCustom = !showsCustom;
      drawFilters();
      byId("start")?.focus();
    }),
  );
}

function drawZone() {
  const select = byId("zone");
  const names = new Set([zone(), ownZone(), "UTC"]);
  const option = (name) =>
    el("option", { value: name, selected: name === zone() }, name.replaceAll("_", " "));
  select.replaceChildren(...[...names].map(option));
  select.onchange = () => go({ tz: select.value === ownZone() ? undefined : select.value });
  // All the others are listed once somebody looks for one.
  select.onfocus = () => {
    for (const name of Intl.supportedValuesOf("timeZone")) if (!names.has(name)) select.append(option(name));
    select.onfocus = null;
  };
}

/** Switch between light and dark, and remember it in this browser. */
export function switchTheme() {
  const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  localStorage.setItem("theme", next);
  document.documentElement.dataset.theme = next;
  drawTheme();
}

function drawTheme() {
  const other = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  byId("theme").onclick = switchTheme;
  byId("theme").replaceChildren(
    svg(
      "svg",
      { viewBox: "0 0 24 24", "aria-hidden": "true" },
      svg("path", {
        d: ICONS[other],
        fill: "none",
        stroke: "currentColor",
        "stroke-width": "1.8",
        "stroke-linecap": "round",
      }),
    ),
  );
}

async function drawFilters() {
  const state = current();
  const chips = chosenFilters().map((name) => chip(name, state[name]));
  put(
    byId("filters"),
    ...chips,
    chips.length > 1 && el("button", { class: "plain", type: "button", onclick: clearFilters }, "Clear all"),
    adding(),
    (showsCustom || state.start) && custom(state),
    zoneNote() && el("span", { class: "quiet small", id: "zone-note", role: "status" }, zoneNote()),
    el("span", { class: "freshness quiet small", id: "freshness" }),
  );
}

function chip(name, value) {
  const says = {
    category: value,
    tag: `#${value}`,
    type: `only ${TYPES[value] ?? value}`,
    promoted: value === "true" ? "promoted" : "not promoted",
  };
  const text = named(says[name] ?? `author ${value}`);
  if (name === "author")
    ask(`/author/${encodeURIComponent(value)}/trends`).then(
      ({ body }) => {
        text.textContent = body.author_name;
      },
      () => {},
    );
  return el(
    "span",
    { class: "chip", data: { filter: name } },
    text,
    el(
      "button",
      {
        type: "button",
        "aria-label": `Remove the filter ${says[name] ?? name}`,
        onclick: () => go({ [name]: undefined }),
      },
      "×",
    ),
  );
}

function adding() {
  const select = el(
    "select",
    { id: "add-filter", "aria-label": "Add a filter" },
    el("option", { value: "" }, "Filter…"),
  );
  const add = (group, name, pairs) =>
    select.append(
      el(
        "optgroup",
        { label: group },
        pairs.map(([value, text]) => el("option", { value: `${name}=${value}` }, text)),
      ),
    );
  add(
    "Engagement",
    "type",
    Object.entries(TYPES).map(([value, text]) => [value, `only ${text}`]),
  );
  add("Promotion", "promoted", [
    ["true", "promoted posts"],
    ["false", "the others"],
  ]);
  select.onfocus = async () => {
    select.onfocus = null;
    const [categories, authors] = await Promise.all(
      [ask("/categories/top?limit=50"), ask("/sample/authors?limit=50")].map((each) =>
        each.catch(() => ({ body: [] })),
      ),
    );
    add(
      "Category",
      "category",
      categories.body.map((each) => [each.category, each.category]),
    );
    add(
      "Author",
      "author",
      authors.body.map((each) => [each.author_id, each.name]),
    );
  };
  select.onchange = () => {
    const at = select.value.indexOf("=");
    go({ [select.value.slice(0, at)]: select.value.slice(at + 1) });
  };
  return select;
}

function custom(state) {
  const start = el("input", { type: "date", id: "start", value: state.start });
  const end = el("input", { type: "date", id: "end", value: state.end });
  const apply = () =>
    start.value &&
    (!end.value || start.value <= end.value) &&
    go({ start: start.value, end: end.value || undefined, period: undefined });
  return el(
    "span",
    { class: "custom" },
    el("label", {}, "from ", start),
    el("label", {}, "to ", end),
    el("button", { class: "plain", type: "button", onclick: apply }, "Show"),
  );
}
