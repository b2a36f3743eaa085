// From a view to a share, and who the readers are.

import { at } from "../api.js";
import { scope } from "../address.js";
import { el } from "../dom.js";
import { count, percent, plural } from "../format.js";
import { Panel } from "../panel.js";
import { choice, row } from "./rows.js";

const STEPS = { view: "Viewed", like: "Liked", comment: "Commented", share: "Shared" };

/** How many readings went on to a like, a comment, a share. */
export class Funnel {
  constructor() {
    this.panel = new Panel("funnel", "From view to share", {
      about: "Pairs of a known reader and a post they viewed, and what else that reader did with it.",
      sql: ["funnel"],
    });
    this.elements = [this.panel.element];
  }

  show() {
    return this.panel.show(at("/reports/funnel", scope(["type"])), (steps) => {
      if (!steps[0].readings)
        return el("p", { class: "empty" }, "No known reader viewed anything in this period.");
      return el(
        "ol",
        { class: "funnel" },
        steps.map((step) =>
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
          ),
        ),
      );
    });
  }
}

/** Engagements by the readers' segment or country. */
export class Audience {
  constructor() {
    this.by = "segment";
    const control = choice(
      "Audience by",
      [
        ["segment", "Segment"],
        ["country", "Country"],
      ],
      this.by,
      (value) => {
        this.by = value;
        this.show().catch(() => {});
      },
    );
    this.panel = new Panel("audience", "Readers", { sql: ["audience"], controls: [control] });
    this.elements = [this.panel.element];
  }

  show() {
    const query = scope();
    query.set("by", this.by);
    return this.panel.show(at("/reports/audience", query), (groups) => {
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
    });
  }
}
