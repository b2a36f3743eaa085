// A part of the page: a heading, a report, and under it where its numbers come from.

import { ask } from "./api.js";
import { el, update } from "./dom.js";
import { t } from "./messages.js";
import { Region } from "./region.js";
import { save, showSource } from "./source.js";

/** How reports at equal age compare. */
export const INDEX = t("panel.index");

export class Panel {
  /**
   * @param {string} id of the element, for links to it
   * @param {string} title
   * @param {object} how `about`: a sentence; `sql`: names of files; `formula`: what is computed from
   *   their rows; `empty`: returns what is shown without rows; `controls`: elements beside the title
   */
  constructor(id, title, { about = "", sql = [], formula = "", empty, controls = [] } = {}) {
    this.title = title;
    this.sql = sql;
    this.formula = formula;
    this.path = "";
    this.heading = el("h2", { id: `${id}-title` }, title);
    this.about = el("p", {}, about);
    this.body = el("div", { class: "body" });
    this.region = new Region(this.body, { empty });
    this.foot = el("div", { class: "foot" });
    this.element = el(
      "section",
      { class: "card panel", id, "aria-labelledby": `${id}-title` },
      el("div", { class: "head" }, this.heading, ...controls, about && this.about),
      this.body,
      this.region.note,
      this.foot,
    );
  }

  /** Request *path* and draw the response. *key*: what the numbers belong to. Throws Failure. */
  async show(path, draw, key = path) {
    this.path = path;
    const found = await this.region.show(key, draw, () => ask(path));
    this.sources();
    return found;
  }

  sources() {
    const button = (text, does) =>
      el("button", { type: "button", onclick: does, "aria-label": t("panel.of", { action: text, panel: this.title }) }, text);
    update(
      this.foot,
      button(t("panel.source"), () => showSource(this)),
      button("CSV", () => save(this.path, "csv")),
      button("JSON", () => save(this.path, "json")),
    );
  }
}

/** A part that is one panel with one report. Subclasses have `path()` and `draw(body, found)`. */
export class Part {
  constructor(panel) {
    this.panel = panel;
    this.elements = [panel.element];
  }

  get regions() {
    return [this.panel.region];
  }

  /** What the numbers belong to: while it is the same, the ones before stay until the new ones are there. */
  key() {
    return this.path();
  }

  /** Show nothing of another filter or period. */
  expect() {
    this.panel.region.expect(this.key());
  }

  /** Request the report and draw it. Throws Failure. */
  show() {
    return this.panel.show(this.path(), (body, found) => this.draw(body, found), this.key());
  }

  /** Show the report after a control of the panel was used; its failure shows in the panel. */
  change() {
    this.show().catch(() => {});
  }
}
