// A part of the page that shows one report at a time: loading, shown, failed, or out of date.

import { zone } from "./address.js";
import { ask, Failure } from "./api.js";
import { el, renew, update } from "./dom.js";
import { moment } from "./format.js";
import { t } from "./messages.js";

const skeleton = () =>
  el("div", { class: "skeleton", "aria-hidden": "true", data: { key: "skeleton" } }, [0, 1, 2, 3].map(() => el("i")));

/** What is shown in place of numbers that do not exist: a heading, why, and from when they will. */
export const placeholder = (heading, why, when) =>
  el(
    "div",
    { class: "placeholder", data: { key: "placeholder" } },
    el("strong", {}, heading),
    why && el("p", {}, why),
    when && el("p", { class: "when" }, when),
  );

/** Not enough data: *missing* says what, *when* the date from which there will be enough. */
export const notEnough = (missing, when) => placeholder(t("state.not_enough"), missing, when);

export class Region {
  /**
   * @param {Element} element whose children are replaced
   * @param {object} how `loading`: returns what is shown while a report loads; `empty`: returns what is shown
   *   for a report without rows
   */
  constructor(element, { loading = skeleton, empty = () => placeholder(t("state.nothing")) } = {}) {
    this.element = element;
    this.loading = loading;
    this.empty = empty;
    this.key = null;
    this.asOf = null;
    this.drawn = null;
    this.note = el("p", { class: "note", role: "status", hidden: true });
    this.wait();
  }

  /** Show that a report loads, if what is shown belongs to something else than *key*. */
  expect(key) {
    if (key === this.key) return;
    this.key = key;
    this.wait();
  }

  /** Show that a report loads. Nothing of the one before stays. */
  wait() {
    this.drawn = null;
    this.#setState("loading");
    const { height } = this.element.getBoundingClientRect();
    if (height) this.element.style.minHeight = `${height}px`;
    renew(this.element, this.loading());
  }

  /** Load a report, and draw it if it still belongs to what is to be shown. Throws Failure. */
  async show(key, draw, load = () => ask(key)) {
    this.expect(key);
    try {
      const found = await load();
      if (key === this.key) await this.#draw(key, found, draw);
      return found;
    } catch (error) {
      if (key === this.key) this.#fail(error, () => this.show(key, draw, load).catch(() => {}));
      throw error;
    }
  }

  async #draw(key, found, draw) {
    if (found.body !== this.drawn) {
      const isEmpty = Array.isArray(found.body) && !found.body.length;
      const content = await (isEmpty ? this.empty(found) : draw(found.body, found));
      if (key !== this.key) return;
      update(this.element, content);
    }
    this.shown(found.body, found.asOf);
  }

  /** Mark the content as that of *body*. */
  shown(body, asOf) {
    this.drawn = body;
    this.asOf = asOf;
    this.element.style.minHeight = "";
    this.#setState("shown");
  }

  /** Mark the content as out of date, as its source is interrupted. */
  lose(why) {
    if (this.drawn === null) return;
    update(this.note, t("state.not_updated", { moment: moment(this.asOf, zone()), why }));
    this.#setState("stale");
  }

  /** The report before stays if it is of the same path, marked as out of date. */
  #fail(error, again) {
    const isFailure = error instanceof Failure;
    const why = !isFailure ? t("state.page_error") : error.isSlow ? t("state.slow") : error.reason;
    const retry = el("button", { class: "plain", type: "button", onclick: again }, t("state.retry"));
    if (this.drawn !== null) {
      this.lose(why);
      return this.note.append(" ", retry);
    }
    const advice = error.isSlow ? t("state.slow_advice") : "";
    renew(
      this.element,
      el("div", { class: "placeholder failed" }, el("strong", {}, why), advice && el("p", {}, advice), retry),
    );
    this.#setState("failed");
  }

  /** Whether the last request failed. */
  get hasFailed() {
    return ["failed", "stale"].includes(this.element.dataset.state);
  }

  #setState(state) {
    this.element.dataset.state = state;
    this.element.setAttribute("aria-busy", String(state === "loading"));
    this.note.hidden = state !== "stale";
  }
}
