// Rows with a bar behind them: label, figure, change, and a line below.

import { goes, link } from "../address.js";
import { el, named, spoken, update } from "../dom.js";
import { unsigned } from "../format.js";
import { t } from "../messages.js";

/**
 * One row. *part*: how much of the bar is filled, 0 to 1; *leads*: what a click changes in the
 * address; *aside*: shown instead of the change; *article*: a link after the label.
 */
export function row({ label, figure, change, sub, part = 0, leads, key, aside, article }) {
  const better = change > 0 ? "good" : change < 0 ? "bad" : "quiet";
  return el(
    "li",
    { data: key === undefined ? {} : { key } },
    el("i", { class: "fill", "aria-hidden": "true", vars: { width: `${(100 * part).toFixed(1)}%` } }),
    el("span", { class: "title" }, labelOf(label, leads), article),
    el("span", { class: "figure" }, figure),
    aside ??
      (change !== undefined &&
        el(
          "span",
          { class: `change ${better}` },
          change === null ? t("ranking.new") : unsigned(change),
          spoken(t("ranking.compared")),
        )),
    sub && el("span", { class: "sub" }, sub),
  );
}

const labelOf = (label, leads) =>
  leads
    ? el("a", { class: "label", href: link(leads), onclick: goes(leads), title: label }, named(label))
    : el("span", { class: "label", title: label }, named(label));

/** A choice between a few views of a panel, kept by the panel itself. */
export function choice(name, options, chosen, does) {
  const group = el("div", { class: "segments", role: "group", "aria-label": name });
  const draw = (now) =>
    update(
      group,
      options.map(([value, text]) =>
        el(
          "button",
          {
            type: "button",
            "aria-pressed": String(value === now),
            onclick: () => {
              draw(value);
              does(value);
            },
          },
          text,
        ),
      ),
    );
  draw(chosen);
  return group;
}
