// The three answers that an editor comes for, before any chart.

import { Failure } from "../api.js";
import { el, put } from "../dom.js";
import { count, range, signed } from "../format.js";
import { labelOf, rising, why } from "./movers.js";
import { mainReason, name, toCoach } from "./opportunities.js";
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
      answer(place, question, { said: "…" });
  }

  async show() {
    const all = await Promise.allSettled([this.#when(), this.#coach(), this.#rising()]);
    const failed = all.find((each) => each.status === "rejected");
    if (failed && !(failed.reason instanceof Failure)) throw failed.reason;
  }

  async #when() {
    const [slot, ...later] = (await nextSlots()).body;
    if (!slot)
      return answer(this.when, WHEN, { said: "Any time", why: NO_HOUR, to: "#when", more: "All hours" });
    answer(this.when, WHEN, {
      said: slotName(slot),
      why: `${lift(slot)} engagement in the first 24 hours (${range(slot.low_pct, slot.high_pct)}), compared with the same authors' other posts.`,
      also: ["Then ", later.map((each) => `${slotName(each, "short")} (${lift(each)})`)],
      to: "#when",
      more: "The next slots, and all hours",
    });
  }

  async #coach() {
    const authors = await toCoach();
    const to = "#opportunities";
    if (!authors.length)
      return answer(this.coach, COACH, { said: "No author", why: NO_AUTHOR, to, more: "See all authors" });
    answer(this.coach, COACH, {
      list: authors.map((each) =>
        el(
          "li",
          {},
          el("span", { class: "who" }, name(each)),
          el("b", { class: "good" }, `+${count(each.gain)}`),
          el("span", { class: "why" }, mainReason(each)),
        ),
      ),
      why: "+: more engagements in 90 days at their category's median",
      to,
      more: "All reasons and more authors",
    });
  }

  async #rising() {
    const movers = await rising();
    const first = movers.find((each) => each.dimension === "post") ?? movers[0];
    if (!first)
      return answer(this.rising, RISING, {
        said: "Nothing unusual",
        why: "All is as it is at this time of the week.",
        to: "#movers",
        more: "See what was compared",
      });
    answer(this.rising, RISING, {
      said: labelOf(first),
      why: why(first),
      also: ["Also ", movers.filter((each) => each !== first).slice(0, 2).map(labelAndKind)],
      to: "#movers",
      more: "Why, and more movers",
    });
  }
}

const WHEN = "Best time to publish next";
const COACH = "Authors to coach first";
const RISING = "Rising now";
const NO_HOUR = "No hour is clearly better than the others.";
const NO_AUTHOR = "No author is below the median of their category.";
const labelAndKind = (each) =>
  el("span", {}, labelOf(each), each.dimension === "post" ? "" : ` (${each.dimension})`);
const lift = (slot) => signed(slot.lift_pct);

/** *said*, or a *list*; *also*: a word and what follows it; *to*: where on the page there is *more*. */
function answer(place, question, { said, list, why, also: [word, others] = ["", []], to, more }) {
  put(
    place,
    el("h2", {}, question),
    said && el("p", { class: "said" }, said),
    list && el("ol", { class: "names" }, list),
    why && el("p", { class: "why" }, why),
    others.length > 0 &&
      el("p", { class: "why" }, word, others.flatMap((each, place) => (place ? [", ", each] : [each])), "."),
    to && el("a", { href: to }, `${more} ↓`),
  );
}
