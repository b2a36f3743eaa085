// Annotations: short texts at instants, as numbered marks in a chart and as a list below it.

import { zone } from "./address.js";
import { ask, at, Failure } from "./api.js";
import { el, named } from "./dom.js";
import { date } from "./format.js";
import { t } from "./messages.js";

const SHOWN = 20;
const NONE = [];
const WRITTEN = { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" };

/** The newest annotations; none where the request fails, as a chart does without them. */
export async function newestAnnotations(query) {
  query.set("limit", SHOWN);
  const { body } = await ask(at("/annotations", query)).catch((error) => {
    if (error instanceof Failure) return { body: NONE };
    throw error;
  });
  return body;
}

export const instantOf = (annotation) => new Date(annotation.annotated_timestamp);

/** The annotations from an instant until now, the oldest first. */
export const since = (start, newest) =>
  newest.filter((each) => instantOf(each) >= start && instantOf(each) <= new Date()).reverse();

/** Marks with the numbers of the annotations; *left*: their place in the chart. */
export function marks(annotations, left) {
  const numbers = Map.groupBy(annotations.keys(), (place) => left(annotations[place]));
  return [...numbers].map(([place, found]) =>
    el("span", { class: "mark", vars: { left: place }, data: { key: place } }, el("b", {}, found.map((each) => each + 1).join(" "))),
  );
}

/** The list below a chart. */
export const annotationList = (annotations) =>
  annotations.length > 0 &&
  el(
    "ol",
    { class: "annotations", "aria-label": t("annotations.title") },
    annotations.map((each, place) =>
      el(
        "li",
        { data: { key: each.annotation_id } },
        el("b", {}, `${place + 1}`),
        el("span", {}, el("span", { class: "quiet" }, date(instantOf(each), zone(), WRITTEN)), " ", named(each.text)),
      ),
    ),
  );
