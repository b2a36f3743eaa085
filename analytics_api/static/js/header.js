// Period, comparison, time zone, theme, and the filters that are set.

import { ask } from "./api.js";
import {
  COMPARISONS,
  browserZone,
  chosenFilters,
  chosenPeriod,
  clearFilters,
  current,
  go,
  reportingZone,
  zone,
} from "./address.js";
import { periodName, periodProblem, problemOf, zoneNote } from "./address-texts.js";
import { byId, el, named, svg, update } from "./dom.js";
import { t } from "./messages.js";
import { PERIODS, todayIn } from "./periods.js";

const SEGMENTS = ["today", "7d", "28d", "91d", "year"];
const TYPES = ["view", "like", "comment", "share"];
const PROMOTED = ["true", "false"];
const ICONS = {
  light:
    "M12 3v2M12 19v2M5 12H3M21 12h-2M6 6l1.4 1.4M16.6 16.6L18 18M18 6l-1.4 1.4M7.4 16.6L6 18M12 8a4 4 0 100 8 4 4 0 000-8z",
  dark: "M20 14.5A8.5 8.5 0 019.5 4 8.5 8.5 0 1020 14.5z",
};
const authorNames = new Map();
let isChoosingDays = false;
let lacksZones = true;

/** Draw the header from the address. */
export function drawHeader() {
  drawPeriods();
  drawComparison();
  drawZone();
  drawTheme();
  drawFilters();
}

/** Go to a period by its name. */
export function goPeriod(period) {
  isChoosingDays = false;
  go({ period, start: undefined, end: undefined });
}

function drawPeriods() {
  const chosen = chosenPeriod();
  const button = (period) =>
    el(
      "button",
      {
        type: "button",
        "aria-pressed": String(period === chosen),
        onclick: () => goPeriod(period),
        data: { key: period },
      },
      periodName(period),
    );
  const others = PERIODS.filter((period) => !SEGMENTS.includes(period));
  const select = el(
    "select",
    { id: "period", "aria-label": t("page.more_periods"), onchange: choosePeriod },
    el("option", { value: "" }, t("period.more")),
    others.map((period) => el("option", { value: period }, periodName(period))),
    el("option", { value: "custom" }, t("period.custom")),
  );
  update(byId("periods"), SEGMENTS.map(button), select);
  const isOther = others.includes(chosen) || chosen === "custom" || isChoosingDays;
  byId("period").value = isChoosingDays ? "custom" : isOther ? chosen : "";
  byId("period").dataset.chosen = String(isOther);
}

function choosePeriod({ target }) {
  if (target.value && target.value !== "custom") return goPeriod(target.value);
  isChoosingDays = target.value === "custom";
  drawFilters();
  byId("start")?.focus();
}

function drawComparison() {
  const select = byId("compare");
  const chosen = current().compare ?? "previous";
  update(
    select,
    COMPARISONS.map((each) => el("option", { value: each }, t(`compare.${each}`))),
  );
  select.value = chosen;
  select.onchange = () => go({ compare: select.value === "previous" ? undefined : select.value });
}

function drawZone() {
  const select = byId("zone");
  const listed = [...new Set([reportingZone(), zone(), browserZone() ?? "UTC", "UTC"])];
  const option = (name) => el("option", { value: name }, name.replaceAll("_", " "));
  if (lacksZones) update(select, listed.map(option));
  select.value = zone();
  select.onchange = () => go({ tz: select.value });
  // All the others are listed once the reader looks for one.
  select.onfocus = () => {
    if (!lacksZones) return;
    lacksZones = false;
    for (const name of Intl.supportedValuesOf("timeZone")) if (!listed.includes(name)) select.append(option(name));
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
  update(
    byId("theme"),
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

function drawFilters() {
  const state = current();
  const chips = chosenFilters().map((name) => chip(name, state[name]));
  update(
    byId("filters"),
    chips,
    chips.length > 1 &&
      el("button", { class: "plain", type: "button", onclick: clearFilters, data: { key: "clear" } }, t("filter.clear")),
    adding(),
    (isChoosingDays || state.start) && custom(state),
    zoneNote() && el("span", { class: "quiet small", id: "zone-note", role: "status" }, zoneNote()),
  );
}

function chip(name, value) {
  const says = {
    category: value,
    tag: `#${value}`,
    type: TYPES.includes(value) ? t(`filter.type.${value}`) : value,
    promoted: PROMOTED.includes(value) ? t(`filter.promoted.${value}`) : value,
  };
  if (name === "author") says.author = authorNames.get(value) ?? t("filter.author_id", { author: value });
  if (name === "author" && !authorNames.has(value)) askName(value);
  return el(
    "span",
    { class: "chip", data: { filter: name } },
    named(says[name]),
    el(
      "button",
      {
        type: "button",
        "aria-label": t("filter.remove", { filter: says[name] }),
        onclick: () => go({ [name]: undefined }),
      },
      "×",
    ),
  );
}

async function askName(author) {
  authorNames.set(author, t("filter.author_id", { author }));
  const { body } = await ask(`/author/${encodeURIComponent(author)}/trends`).catch(() => ({ body: null }));
  if (!body) return;
  authorNames.set(author, body.author_name);
  drawFilters();
}

let filterOptions = null;

function adding() {
  const group = ([label, name, pairs]) =>
    el(
      "optgroup",
      { label, data: { key: name } },
      pairs.map(([value, text]) => el("option", { value: `${name}=${value}` }, text)),
    );
  const groups = [
    [t("filter.engagement"), "type", TYPES.map((value) => [value, t(`filter.type.${value}`)])],
    [t("filter.promotion"), "promoted", PROMOTED.map((value) => [value, t(`filter.promoted.${value}`)])],
    ...(filterOptions ?? []),
  ];
  return el(
    "select",
    {
      id: "add-filter",
      "aria-label": t("filter.add_label"),
      onfocus: loadFilterOptions,
      onchange: ({ target }) => {
        const at = target.value.indexOf("=");
        const change = { [target.value.slice(0, at)]: target.value.slice(at + 1) };
        target.value = "";
        go(change);
      },
    },
    el("option", { value: "" }, t("filter.add")),
    groups.map(group),
  );
}

/** List categories and authors once the reader looks for one. */
async function loadFilterOptions() {
  if (filterOptions) return;
  const [categories, authors] = await Promise.all(
    [ask("/categories/top?limit=50"), ask("/sample/authors?limit=50")].map((each) => each.catch(() => ({ body: [] }))),
  );
  filterOptions = [
    [t("filter.category"), "category", categories.body.map((each) => [each.category, each.category])],
    [t("filter.author"), "author", authors.body.map((each) => [each.author_id, each.name])],
  ];
  drawFilters();
}

/** The days of a custom period. What is wrong with them is said beside them. */
function custom(state) {
  const apply = (event) => {
    event.preventDefault();
    const [start, end] = [byId("start").value, byId("end").value];
    const problem = problemOf(start, end, todayIn(zone()));
    byId("period-problem").textContent = problem;
    if (problem) return;
    isChoosingDays = false;
    go({ start, end: end || undefined, period: undefined });
  };
  return el(
    "form",
    { class: "custom", onsubmit: apply, data: { key: "custom" } },
    el("label", {}, t("period.from"), " ", el("input", { type: "date", id: "start", value: state.start })),
    el("label", {}, t("period.to"), " ", el("input", { type: "date", id: "end", value: state.end })),
    el("button", { class: "plain", type: "submit" }, t("page.show")),
    el("span", { class: "bad", id: "period-problem", role: "alert" }, periodProblem()),
  );
}
