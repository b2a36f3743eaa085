// The three answers that an editor comes for, before any chart.

import { Failure } from "../api.js";
import { goes, link } from "../address.js";
import { el, put } from "../dom.js";
import { count, range, signed } from "../format.js";
import { rising, why } from "./movers.js";
import { toCoach } from "./opportunities.js";
import { nextSlots, slotName } from "./when.js";

export class Brief {
  constructor() {
    this.when = el("section", { class: "card answer", data: { answer: "when" } });
    this.coach = el("section", { class: "card answer", data: { answer: "coach" } });
    this.rising = el("section", { class: "card answer", data: { answer: "rising" } });
    this.elements = [el("div", { class: "brief" }, this.when, this.coach, this.rising)];
    for (const [place, question] of [
      [this.when, WHEN],
      [this.coach, COACH],
      [this.rising, RISING],
    ])
      answer(place, question, "…", "");
  }

  async show() {
    const all = await Promise.allSettled([this.#when(), this.#coach(), this.#rising()]);
    const failed = all.find((each) => each.status === "rejected");
    if (failed && !(failed.reason instanceof Failure)) throw failed.reason;
  }

  async #when() {
    const [slot] = (await nextSlots()).body;
    if (slot)
      answer(
        this.when,
        WHEN,
        slotName(slot),
        `${signed(slot.lift_pct)} engagement in the first 24 hours (${range(slot.low_pct, slot.high_pct)})`,
        "#when",
        "The next slots, and all hours",
      );
    else
      answer(this.when, WHEN, "Any time", "no hour is clearly better than the others", "#when", "All hours");
  }

  async #coach() {
    const authors = await toCoach();
    const gain = authors.reduce((sum, each) => sum + each.gain, 0);
    if (authors.length)
      answer(
        this.coach,
        COACH,
        authors.map((each) => each.author_name).join(", "),
        `+${count(gain)} engagements in 90 days at their categories' medians`,
        "#opportunities",
        "Why, and what to change",
      );
    else
      answer(
        this.coach,
        COACH,
        "Nobody",
        "no author is below their category's median",
        "#opportunities",
        "See all authors",
      );
  }

  async #rising() {
    const movers = await rising();
    const mover = movers.find((each) => each.dimension === "post") ?? movers[0];
    const change = mover?.dimension === "post" ? { post: mover.key } : null;
    const label = change ? el("a", { href: link(change), onclick: goes(change) }, mover.label) : mover?.label;
    if (mover) answer(this.rising, RISING, label, why(mover), "#movers", "Why, and what else moves");
    else
      answer(
        this.rising,
        RISING,
        "Nothing unusual",
        "all is as it is at this time of the week",
        "#movers",
        "See what was compared",
      );
  }
}

const WHEN = "Best time to publish next";
const COACH = "Authors to coach first";
const RISING = "Rising now";

function answer(place, question, said, why, to, more) {
  put(
    place,
    el("h2", {}, question),
    el("p", { class: "said" }, said),
    el("p", { class: "why" }, why),
    to && el("a", { href: to }, `${more} ↓`),
  );
}
