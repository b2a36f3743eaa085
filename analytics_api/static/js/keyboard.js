// What the keyboard does. Single letters can be turned off, as some people's software types them.

import { chosenFilters, clearFilters, current } from "./address.js";
import { byId, el } from "./dom.js";
import { goPeriod, switchTheme } from "./header.js";
import { t } from "./messages.js";
import { showSearch } from "./search.js";
import { dialog } from "./source.js";

const OFF = "engage.shortcuts_off";
const period = (name) => () => goPeriod(name);
const SHORTCUTS = [
  ["/", "search", showSearch],
  ["d", "today", period("today")],
  ["w", "7d", period("7d")],
  ["m", "28d", period("28d")],
  ["q", "91d", period("91d")],
  ["y", "year", period("year")],
  ["a", "all", period("all")],
  ["f", "filter", () => byId("add-filter")?.focus()],
  ["t", "theme", switchTheme],
  [
    "Escape",
    "escape",
    () => (chosenFilters().length || current().post) && clearFilters(),
  ],
  ["?", "help", showHelp],
];

/** Show what this page is, and its shortcuts. */
export function showHelp() {
  const box = el("input", { type: "checkbox", id: "shortcuts", checked: !localStorage.getItem(OFF) });
  box.onchange = () => (box.checked ? localStorage.removeItem(OFF) : localStorage.setItem(OFF, "1"));
  dialog(
    t("help.title"),
    el("p", {}, t("help.text")),
    el("h3", {}, t("help.keyboard")),
    el(
      "dl",
      { class: "shortcuts" },
      SHORTCUTS.flatMap(([key, does]) => [
        el("dt", {}, el("kbd", {}, key === "Escape" ? t("help.escape") : key)),
        el("dd", {}, t(`help.key.${does}`)),
      ]),
    ),
    el("label", { class: "small" }, box, " ", t("help.use_keys")),
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
