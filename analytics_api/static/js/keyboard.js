// What the keyboard does. Single letters can be turned off, as some people's software types them.

import { chosenFilters, clearFilters, current } from "./address.js";
import { byId, el } from "./dom.js";
import { goPeriod, switchTheme } from "./header.js";
import { showSearch } from "./search.js";
import { dialog } from "./source.js";

const OFF = "engage.shortcuts_off";
const period = (name) => () => goPeriod(name);
const SHORTCUTS = [
  ["/", "search posts, authors and tags", showSearch],
  ["d", "today", period("today")],
  ["w", "the last 7 days", period("7d")],
  ["m", "the last 28 days", period("28d")],
  ["q", "the last 91 days", period("91d")],
  ["y", "the last 364 days", period("year")],
  ["a", "all time", period("all")],
  ["f", "add a filter", () => byId("add-filter")?.focus()],
  ["t", "light or dark", switchTheme],
  [
    "Escape",
    "clear the filters, leave a post",
    () => (chosenFilters().length || current().post) && clearFilters(),
  ],
  ["?", "this help", showHelp],
];

/** Show what this page is, and its shortcuts. */
export function showHelp() {
  const box = el("input", { type: "checkbox", id: "shortcuts", checked: !localStorage.getItem(OFF) });
  box.onchange = () => (box.checked ? localStorage.removeItem(OFF) : localStorage.setItem(OFF, "1"));
  dialog(
    "How to use this page",
    el(
      "p",
      {},
      "Click an author, a category or a tag to see only that; click a post for its own page. The address always says what you see, so you can bookmark and share it: your key is not in it. Under each panel, “How is this computed?” shows the SQL behind its numbers.",
    ),
    el("h3", {}, "Keyboard"),
    el(
      "dl",
      { class: "shortcuts" },
      SHORTCUTS.flatMap(([key, does]) => [
        el("dt", {}, el("kbd", {}, key === "Escape" ? "Esc" : key)),
        el("dd", {}, does),
      ]),
    ),
    el("label", { class: "small" }, box, " use these keys in this browser"),
  );
}

/** Listen to the keyboard. */
export function listen() {
  byId("help").onclick = showHelp;
  byId("find").onclick = showSearch;
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target.closest("input, select, textarea")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const found = SHORTCUTS.find(([key]) => key === event.key);
    if (!found || (localStorage.getItem(OFF) && event.key !== "Escape")) return;
    event.preventDefault();
    found[2]();
  });
}
