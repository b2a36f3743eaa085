// The three answers that an editor comes for.

import { ask } from "../api.js";
import { el } from "../dom.js";
import { delta, list, range, signed } from "../format.js";
import { rich, t } from "../messages.js";
import { Region } from "../region.js";
import { labelOf, moversPath, nothingMoved, rising, sentence } from "./movers.js";
import { mainReason, name, noneBelow, opportunityPath, toCoach } from "./opportunities.js";
import { askSlots, noGoodHour, slotName, slotsPath } from "./when.js";

/** The panel with more, key, path, how to request it, and what to draw. */
const ANSWERS = [
  ["when", "when", slotsPath, askSlots, drawWhen],
  ["opportunities", "coach", opportunityPath, undefined, drawCoach],
  ["movers", "rising", moversPath, undefined, drawRising],
];

export class Brief {
  constructor() {
    this.answers = ANSWERS.map(([id, key, path, load, draw]) => {
      const place = el("div", { class: "said-place" });
      const region = new Region(place, { empty: () => draw([]) });
      const card = el(
        "section",
        { class: "card answer", data: { answer: key } },
        el("h2", {}, t(`brief.${key}`)),
        place,
        region.note,
        el("a", { href: `#${id}` }, `${t(`brief.${key}_more`)} ↓`),
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
const why = (...content) => el("p", { class: "why" }, ...content);

async function drawWhen({ cells, next: [slot, ...later] }) {
  if (!slot) return noGoodHour(cells);
  const best = [slot, ...later].reduce((one, other) => (other.lift_pct > one.lift_pct ? other : one));
  const others = later.filter((each) => each !== best);
  return [
    said(slotName(slot)),
    why(t("brief.lift", { lift: lift(slot), range: range(slot.low_pct, slot.high_pct) })),
    best !== slot && why(rich("brief.best", { slot: el("b", {}, slotName(best, "short")), lift: lift(best) })),
    others.length > 0 && why(rich("brief.also_good", { slots: list(others.map(slotAndLift)) })),
  ];
}

const slotAndLift = (slot) => t("brief.slot", { slot: slotName(slot, "short"), lift: lift(slot) });

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
          el("b", { class: "good" }, delta(each.gain)),
          el("span", { class: "why" }, mainReason(each)),
        ),
      ),
    ),
    why(t("brief.gain")),
  ];
}

async function drawRising(movers) {
  const found = rising(movers);
  const first = found.find((each) => each.dimension === "post") ?? found[0];
  if (!first) return nothingMoved();
  const others = found.filter((each) => each !== first).slice(0, 2);
  return [
    said(labelOf(first)),
    why(sentence(first)),
    others.length > 0 && why(rich("brief.also", { movers: list(others.map(labelAndKind)) })),
  ];
}

const labelAndKind = (each) =>
  el("span", {}, rich(`brief.mover.${each.dimension}`, { name: labelOf(each) }));
