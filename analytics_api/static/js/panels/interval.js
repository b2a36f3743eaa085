// An estimate with its interval, drawn on a line from nothing to the most.

import { el } from "../dom.js";
import { t } from "../messages.js";

/** *mark*: where "no difference" is, if anywhere; an interval that holds it is drawn quietly. */
export function interval({ low, value, high, least = 0, most, mark }) {
  const place = (number) =>
    `${(100 * Math.min(1, Math.max(0, (number - least) / (most - least)))).toFixed(1)}%`;
  const isUnclear = low <= mark && mark <= high;
  return el(
    "span",
    {
      class: `interval${isUnclear ? " unclear" : ""}`,
      role: "img",
      "aria-label": t("range.label", { low, high }),
    },
    el("i", { vars: { left: place(low), right: `calc(100% - ${place(high)})` } }),
    mark !== undefined && el("u", { vars: { left: place(mark) } }),
    el("b", { vars: { left: place(value) } }),
  );
}
