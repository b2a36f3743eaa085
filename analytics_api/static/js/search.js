// Search: a dialog that finds posts, authors and tags while one types.

import { go, zone } from "./address.js";
import { ask } from "./api.js";
import { el, named, update } from "./dom.js";
import { date } from "./format.js";
import { t } from "./messages.js";
import { dialog } from "./source.js";

const PAUSE_MS = 150;
const ROWS = 8;

/** Open the search. */
export function showSearch() {
  const list = el("div", { id: "search-results", role: "listbox", "aria-label": t("search.results"), tabindex: "-1" });
  const status = el("p", { class: "quiet small", id: "search-status", role: "status" }, t("search.help"));
  let results = [];
  let chosen = 0;
  let timer = 0;

  const input = el("input", {
    type: "search",
    id: "search",
    role: "combobox",
    "aria-label": t("page.search"),
    "aria-controls": "search-results",
    "aria-expanded": "true",
    autocomplete: "off",
    placeholder: t("search.hint"),
    maxlength: "200",
    oninput: () => {
      clearTimeout(timer);
      timer = setTimeout(find, PAUSE_MS);
    },
    onkeydown: (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step && results.length) {
        event.preventDefault();
        chosen = (chosen + step + results.length) % results.length;
        draw();
      }
      if (event.key === "Enter" && results[chosen]) choose(results[chosen]);
    },
  });

  async function find() {
    const q = input.value.trim();
    if (!q) return show([], t("search.help"));
    try {
      const { body } = await ask(`/search?${new URLSearchParams({ q, limit: ROWS })}`);
      if (q === input.value.trim()) show(body, said(body));
    } catch (error) {
      show([], t("search.failed", { why: error.reason }));
    }
  }

  function show(found, text) {
    // The keyboard follows the order that is shown: by kind, the kind of the best result first.
    const kinds = [...new Set(found.map((each) => each.kind))];
    results = kinds.flatMap((kind) => found.filter((each) => each.kind === kind));
    chosen = 0;
    update(status, text);
    draw();
  }

  function draw() {
    const kinds = [...new Set(results.map((each) => each.kind))];
    const group = (kind) =>
      el(
        "div",
        { role: "group", "aria-label": t(`search.kind.${kind}`), data: { key: kind } },
        el("h3", { "aria-hidden": "true" }, t(`search.kind.${kind}`)),
        results.map((each, number) => each.kind === kind && option(each, number, number === chosen, choose)),
      );
    update(list, kinds.map(group));
    if (results.length) input.setAttribute("aria-activedescendant", `search-${chosen}`);
    else input.removeAttribute("aria-activedescendant");
    list.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
  }

  function choose({ kind, id, name }) {
    box.close();
    const nothing = { post: undefined, author: undefined, tag: undefined };
    go({ ...nothing, [kind]: kind === "tag" ? name : String(id) });
  }

  const box = dialog(t("search.title"), input, status, list);
  input.focus();
}

function said(found) {
  if (!found.length) return t("search.none");
  return found.some((each) => each.match === "similar") ? t("search.similar") : "";
}

function option(found, number, isChosen, choose) {
  const details = {
    post: () => [named(found.author_name), ` · ${date(found.publish_date, zone())} · `, named(found.category)],
    author: () => [named(found.category)],
    tag: () => [t("count.posts", { count: found.posts })],
  }[found.kind]();
  return el(
    "div",
    { id: `search-${number}`, role: "option", "aria-selected": String(isChosen), onclick: () => choose(found) },
    el("span", {}, found.kind === "tag" ? "#" : "", named(found.name)),
    el("span", { class: "quiet small" }, details),
  );
}
