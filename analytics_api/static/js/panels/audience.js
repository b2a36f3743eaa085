// From a view to a share, and who the readers are.

import { at } from "../api.js";
import { scope } from "../address.js";
import { el } from "../dom.js";
import { count, percent, plural } from "../format.js";
import { Panel, Part } from "../panel.js";
import { placeholder } from "../region.js";
import { choice, row } from "./rows.js";

const STEPS = { view: "Viewed", like: "Liked", comment: "Commented", share: "Shared" };

/** How many readings went on to a like, a comment, a share. */
export class Funnel extends Part {
  constructor() {
    super(
      new Panel("funnel", "From view to share", {
        about:
          "Pairs of a known reader and a post viewed in this period, and what else that reader did with the post.",
        sql: ["funnel"],
      }),
    );
  }

  path() {
    return at("/reports/funnel", scope(["type"]));
  }

  draw(steps) {
    if (!steps[0].readings)
      return placeholder(
        "No known readers in this period",
        "This needs views with a user ID. Events without one count in the other totals.",
      );
    return el("ol", { class: "funnel" }, steps.map(stepRow));
  }
}

const stepRow = (step) =>
  el(
    "li",
    { data: { step: step.step } },
    el("span", {}, STEPS[step.step]),
    el(
      "span",
      { class: "track", "aria-hidden": "true" },
      el("i", { vars: { width: `${step.of_viewed_pct}%` } }),
    ),
    el(
      "span",
      { class: "figure" },
      count(step.readings),
      el("small", {}, step.step === "view" ? "readings" : `${percent(step.of_viewed_pct)} of them`),
    ),
  );

/** Engagements by the readers' segment or country. */
export class Audience extends Part {
  constructor() {
    const options = [
      ["segment", "Segment"],
      ["country", "Country"],
    ];
    const control = choice("Audience by", options, "segment", (value) => {
      this.by = value;
      this.change();
    });
    super(
      new Panel("audience", "Readers", {
        about: "Engagements in this period by the readers' segment or country.",
        sql: ["audience"],
        controls: [control],
      }),
    );
    this.by = "segment";
  }

  path() {
    const query = scope();
    query.set("by", this.by);
    return at("/reports/audience", query);
  }

  draw(groups) {
    const most = Math.max(...groups.map((group) => group.share_pct));
    return el(
      "ol",
      { class: "rows" },
      groups.slice(0, 8).map((group) =>
        row({
          key: group.key,
          label: group.key,
          figure: percent(group.share_pct),
          change: group.no_comparison ? undefined : group.change_pct,
          part: group.share_pct / most,
          sub: group.active_users
            ? `${plural(group.active_users, "reader")} · ${plural(group.per_user, "engagement")} each`
            : plural(group.total_engagements, "engagement"),
        }),
      ),
    );
  }
}
