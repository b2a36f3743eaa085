// Tables, which scroll by themselves where the page is narrow.

import { el } from "./dom.js";

/** A table of row elements. Columns are `[name, class]`, or false; `label` is what it is called aloud. */
export function table(label, columns, rows) {
  const head = columns
    .filter(Boolean)
    .map(([name, kind]) => el("th", { scope: "col", class: kind }, name));
  return el(
    "div",
    { class: "scroll", tabindex: "0", role: "group", "aria-label": label },
    el("table", {}, el("thead", {}, el("tr", {}, head)), el("tbody", {}, rows)),
  );
}
