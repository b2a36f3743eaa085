// A part of the page: a heading, what is in it while it loads, when it failed, when it is empty,
// and under it where its numbers come from.

import { ask, Failure } from "./api.js";
import { el, put } from "./dom.js";
import { save, showSource } from "./source.js";

/** How reports at equal age compare. */
export const INDEX =
  "index = (1/A + O/φ) / (1/(A m) + E/φ): the engagements O of posts in their first hours over those expected of them, E, drawn towards the mean m where there is little to go by (A: how much units differ, φ: how much posts scatter; averaged over the values that fit). For an author, E is what other authors' posts of the same categories earn.";

export class Panel {
  /**
   * @param {string} id of the element, for links to it
   * @param {string} title
   * @param {object} how `about`: a sentence; `sql`: names of files; `formula`: what is computed from
   *   their rows; `empty`: what to say without rows
   */
  constructor(
    id,
    title,
    { about = "", sql = [], formula = "", empty = "Nothing in this period.", controls = [] } = {},
  ) {
    this.title = title;
    this.sql = sql;
    this.formula = formula;
    this.emptyText = empty;
    this.path = "";
    this.drawn = null;
    this.about = el("p", {}, about);
    this.body = el("div", { class: "body" });
    this.foot = el("div", { class: "foot" });
    this.element = el(
      "section",
      { class: "card panel", id, "aria-labelledby": `${id}-title` },
      el("div", { class: "head" }, el("h2", { id: `${id}-title` }, title), ...controls, about && this.about),
      this.body,
      this.foot,
    );
    this.wait();
  }

  wait() {
    this.drawn = null;
    this.body.replaceChildren(
      el("div", { class: "skeleton", "aria-hidden": "true" }, el("i"), el("i"), el("i"), el("i")),
    );
  }

  /** Ask for *path* and draw what comes. Throws Failure for what concerns the whole page. */
  async show(path, draw) {
    if (path !== this.path) this.wait();
    this.path = path;
    try {
      const found = await ask(path);
      if (path !== this.path || found.body === this.drawn) return found;
      this.drawn = found.body;
      const isEmpty = Array.isArray(found.body) && !found.body.length;
      const drawn = isEmpty
        ? [el("p", { class: "empty" }, this.emptyText)]
        : [draw(found.body, found)].flat();
      put(this.body, ...drawn);
      this.sources();
      return found;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      if (path === this.path && this.drawn === null)
        this.fail(error, () => this.show(path, draw).catch(() => {}));
      throw error;
    }
  }

  fail(error, again) {
    const text = error.isSlow
      ? "This took too long: choose a shorter period or a filter, or try again."
      : `No answer: ${error.message}.`;
    this.body.replaceChildren(
      el(
        "p",
        { class: "failed" },
        text,
        el("button", { class: "plain", type: "button", onclick: again }, "Try again"),
      ),
    );
  }

  sources() {
    const button = (text, does) =>
      el("button", { type: "button", onclick: does, "aria-label": `${text}: ${this.title}` }, text);
    this.foot.replaceChildren(
      button("How is this computed?", () => showSource(this)),
      button("CSV", () => save(this.path, "csv")),
      button("JSON", () => save(this.path, "json")),
    );
  }
}
