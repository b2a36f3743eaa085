// From a view to a share, and who the readers are.

import { at } from "../api.js";
import { scope } from "../address.js";
import { el } from "../dom.js";
import { count, percent } from "../format.js";
import { t } from "../messages.js";
import { Panel, Part } from "../panel.js";
import { noKnownReaders } from "./readers.js";
import { choice, row } from "./rows.js";

/** How many readings went on to a like, a comment, a share. */
export class Funnel extends Part {
  constructor() {
    super(
      new Panel("funnel", t("funnel.title"), {
        about: t("funnel.about"),
        sql: ["funnel"],
      }),
    );
  }

  path() {
    return at("/reports/funnel", scope(["type"]));
  }

  draw(steps) {
    if (!steps[0].readings) return noKnownReaders();
    return el("ol", { class: "funnel" }, steps.map(stepRow));
  }
}

const stepRow = (step) =>
  el(
    "li",
    { data: { step: step.step } },
    el("span", {}, t(`funnel.step.${step.step}`)),
    el(
      "span",
      { class: "track", "aria-hidden": "true" },
      el("i", { vars: { width: `${step.of_viewed_pct}%` } }),
    ),
    el(
      "span",
      { class: "figure" },
      count(step.readings),
      el("small", {}, step.step === "view" ? t("funnel.readings") : t("funnel.of_them", { share: percent(step.of_viewed_pct) })),
    ),
  );

/** Engagements by the readers' segment or country. */
export class Audience extends Part {
  constructor() {
    const options = [
      ["segment", t("audience.segment")],
      ["country", t("audience.country")],
    ];
    const control = choice(t("audience.by"), options, "segment", (value) => {
      this.by = value;
      this.change();
    });
    super(
      new Panel("audience", t("audience.title"), {
        about: t("audience.about"),
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
            ? `${t("count.readers", { count: group.active_users })} · ${t("count.engagements_each", { count: group.per_user })}`
            : t("count.engagements", { count: group.total_engagements }),
        }),
      ),
    );
  }
}
