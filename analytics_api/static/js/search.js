// Search: a dialog that finds posts, authors and tags while one types.

import { go, zone } from "./address.js";
import { ask } from "./api.js";
import { el, named, update } from "./dom.js";
import { date } from "./format.js";
import { dialog } from "./source.js";

const PAUSE_MS = 150;
const ROWS = 8;
const HELP = "Words of a title, a name, a tag, or an ID.";
const KINDS = { author: "Authors", tag: "Tags", post: "Posts" };

/** Open the search. */
export function showSearch() {
  const list = el("div", { id: "search-results", role: "listbox", "aria-label": "Results", tabindex: "-1" });
  const status = el("p", { class: "quiet small", id: "search-status", role: "status" }, HELP);
  let results = [];
  let chosen = 0;
  let timer = 0;

  const input = el("input", {
    type: "search",
    id: "search",
    role: "combobox",
    "aria-label": "Search posts, authors and tags",
    "aria-controls": "search-results",
    "aria-expanded": "true",
    autocomplete: "off",
    placeholder: "Search posts, authors, tags",
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
    if (!q) return show([], HELP);
    try {
      const { body } = await ask(`/search?${new URLSearchParams({ q, limit: ROWS })}`);
      if (q === input.value.trim()) show(body, said(body));
    } catch (error) {
      show([], `The search failed: ${error.message}.`);
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
        { role: "group", "aria-label": KINDS[kind], data: { key: kind } },
        el("h3", { "aria-hidden": "true" }, KINDS[kind]),
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

  const box = dialog("Search", input, status, list);
  input.focus();
}

function said(found) {
  if (!found.length) return "Nothing has these words or this ID.";
  return found.some((each) => each.match === "similar") ? "No title has exactly these words. Similar ones:" : "";
}

function option(found, number, isChosen, choose) {
  const details = {
    post: () => [named(found.author_name), ` · ${date(found.publish_date, zone())} · `, named(found.category)],
    author: () => [named(found.category)],
    tag: () => [`${found.posts} post${found.posts === 1 ? "" : "s"}`],
  }[found.kind]();
  return el(
    "div",
    { id: `search-${number}`, role: "option", "aria-selected": String(isChosen), onclick: () => choose(found) },
    el("span", {}, found.kind === "tag" ? "#" : "", named(found.name)),
    el("span", { class: "quiet small" }, details),
  );
}
