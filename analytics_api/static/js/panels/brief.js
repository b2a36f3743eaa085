// The three answers that an editor comes for.

import { ask } from "../api.js";
import { el } from "../dom.js";
import { count, range, signed } from "../format.js";
import { Region } from "../region.js";
import { labelOf, moversPath, nothingMoved, rising, why } from "./movers.js";
import { mainReason, name, noneBelow, opportunityPath, toCoach } from "./opportunities.js";
import { askSlots, noGoodHour, slotName, slotsPath } from "./when.js";

/** Key, heading, path, how to request it, what to draw, and where there is more. */
const ANSWERS = [
  ["when", "Best time to publish next", slotsPath, askSlots, drawWhen, "The next good hours, and all hours"],
  ["opportunities", "Authors to coach first", opportunityPath, undefined, drawCoach, "All reasons and more authors"],
  ["movers", "Rising now", moversPath, undefined, drawRising, "Why, and more movers"],
];
const KEYS = { when: "when", opportunities: "coach", movers: "rising" };

export class Brief {
  constructor() {
    this.answers = ANSWERS.map(([id, heading, path, load, draw, more]) => {
      const place = el("div", { class: "said-place" });
      const region = new Region(place, { empty: () => draw([]) });
      const card = el(
        "section",
        { class: "card answer", data: { answer: KEYS[id] } },
        el("h2", {}, heading),
        place,
        region.note,
        el("a", { href: `#${id}` }, `${more} ↓`),
      );
      return { card, region, path, load, draw };
    });
    this.elements = [el("div", { class: "brief" }, this.answers.map((each) => each.card))];
  }

  get regions() {
    return this.answers.map((each) => each.region);
  }

  expect() {
    for (const { region, path } of this.answers) region.expect(path());
  }

  async show() {
    const shown = this.answers.map(({ region, path, load = () => ask(path()), draw }) =>
      region.show(path(), draw, load),
    );
    const failed = (await Promise.allSettled(shown)).find((each) => each.reason);
    if (failed) throw failed.reason;
  }
}

const lift = (slot) => signed(slot.lift_pct);
const said = (text) => el("p", { class: "said" }, text);
const also = (word, others) =>
  others.length > 0 &&
  el("p", { class: "why" }, word, others.flatMap((each, place) => (place ? [", ", each] : [each])), ".");

async function drawWhen({ cells, next: [slot, ...later] }) {
  if (!slot) return noGoodHour(cells);
  const best = [slot, ...later].reduce((one, other) => (other.lift_pct > one.lift_pct ? other : one));
  const others = later.filter((each) => each !== best);
  return [
    said(slotName(slot)),
    el(
      "p",
      { class: "why" },
      `${lift(slot)} engagement in the first 24 hours (${range(slot.low_pct, slot.high_pct)}), compared with the same authors' other posts.`,
    ),
    best !== slot && el("p", { class: "why" }, "Best of the next hours: ", el("b", {}, slotName(best, "short")), ` (${lift(best)}).`),
    also(
      "Also good: ",
      others.map((each) => `${slotName(each, "short")} (${lift(each)})`),
    ),
  ];
}

function drawCoach(authors) {
  const first = toCoach(authors);
  if (!first.length) return noneBelow(authors);
  return [
    el(
      "ol",
      { class: "names" },
      first.map((each) =>
        el(
          "li",
          { data: { key: each.author_id } },
          el("span", { class: "who" }, name(each)),
          el("b", { class: "good" }, `+${count(each.gain)}`),
          el("span", { class: "why" }, mainReason(each)),
        ),
      ),
    ),
    el("p", { class: "why" }, "+: more first-48-hour engagements in 90 days at the category's median"),
  ];
}

async function drawRising(movers) {
  const found = rising(movers);
  const first = found.find((each) => each.dimension === "post") ?? found[0];
  if (!first) return nothingMoved();
  return [
    said(labelOf(first)),
    el("p", { class: "why" }, why(first)),
    also("Also ", found.filter((each) => each !== first).slice(0, 2).map(labelAndKind)),
  ];
}

const labelAndKind = (each) =>
  el("span", {}, labelOf(each), each.dimension === "post" ? "" : ` (${each.dimension})`);
