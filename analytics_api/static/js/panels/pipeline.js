// How the way of the events fares, and what happens right now. Fed by the live board.

import { isWall } from "../address.js";
import { articleLink } from "../article.js";
import { byId, el, named, owned, update } from "../dom.js";
import { age, count, decimal, seconds } from "../format.js";
import { isKnown, t } from "../messages.js";
import { Panel } from "../panel.js";
import { placeholder } from "../region.js";
import { scaleTop } from "../spark.js";
import { table } from "../table.js";
import { row } from "./rows.js";

const SHOWN = 3;
const SHOWN_ON_A_WALL = 4;

/** The posts of the last five minutes. */
export class RightNow {
  constructor() {
    this.panel = new Panel("now", t("now.title"), {
      about: t("now.about"),
      sql: ["live_posts", "live_seconds"],
    });
    this.panel.path = "/live";
    this.elements = [this.panel.element];
  }

  get regions() {
    return [];
  }

  expect() {}

  async show() {}

  update(live) {
    const posts = this.#inOrder(live.top_posts.slice(0, isWall() ? SHOWN_ON_A_WALL : SHOWN));
    const most = scaleTop(live.seconds);
    const top = Math.max(1, ...live.top_posts.map((post) => post.total_engagements));
    update(
      this.panel.body,
      el(
        "div",
        {
          class: "bars",
          role: "img",
          "aria-label": t("now.bars", { rate: decimal(live.events_per_second) }),
        },
        live.seconds.map((each) => el("i", { vars: { height: `${(100 * Math.min(each, most)) / most}%` } })),
      ),
      el(
        "p",
        { class: "quiet small" },
        t("now.minute", { count: live.seconds.reduce((sum, each) => sum + each, 0) }),
      ),
      posts.length
        ? el(
            "ol",
            { class: "rows" },
            posts.map((post) =>
              row({
                key: post.post_id,
                label: post.title,
                figure: count(post.total_engagements),
                part: post.total_engagements / top,
                leads: { post: String(post.post_id) },
                article: articleLink(post),
                sub: [named(post.author_name), " · ", named(post.category)],
              }),
            ),
          )
        : placeholder(t("now.none"), t("now.none_text")),
      live.unknown_posts.events > 0 && el("p", { class: "warning", data: { key: "unknown" } }, unknownPosts(live)),
    );
    this.panel.region.shown(live, new Date(live.as_of));
    this.panel.sources();
  }

  /** Say that the feed is interrupted. */
  lose() {
    this.panel.region.lose(t("now.lost"));
  }

  /** Keep the order of rows while the reader points at them, so that none moves away under a click. */
  #inOrder(posts) {
    const list = this.panel.body.querySelector(".rows");
    if (!list?.matches(":hover, :focus-within")) return posts;
    const shown = [...list.children].map((each) => each.dataset.key);
    const place = (post) => (shown.includes(String(post.post_id)) ? shown.indexOf(String(post.post_id)) : SHOWN);
    return [...posts].sort((one, other) => place(one) - place(other));
  }
}

/** A sentence on the events that no report counts, as their posts are not in the catalogue. */
export const unknownPosts = ({ unknown_posts: { events, posts } }) =>
  events ? t("now.unknown", { events: t("count.events", { count: events }), count: posts }) : "";

/** The strip at the end of the page. */
export class Pipeline {
  constructor() {
    this.panel = new Panel("pipeline", t("pipeline.title"), {
      about: t("pipeline.about"),
      sql: ["live_pipeline", "ledger_offsets", "ledger_totals"],
    });
    this.strip = owned(el("dl", { class: "strip" }));
    this.alerts = owned(el("div"));
    this.ledger = owned(el("div"));
    this.live = null;
    this.panel.path = "/ops/ledger";
    this.elements = [this.panel.element];
  }

  get regions() {
    return [this.panel.region];
  }

  expect() {}

  async show() {
    await this.panel.region.show("/ops/ledger", (body) => {
      this.balanced = body.balanced;
      update(this.ledger, ledgerTable(body));
      this.#drawStrip();
      return this.#content();
    });
    this.panel.sources();
  }

  #content() {
    return [this.alerts, this.strip, this.ledger];
  }

  update(live) {
    this.live = live;
    this.#drawStrip();
    if (this.panel.region.drawn) update(this.panel.body, this.#content());
  }

  #drawStrip() {
    const { live } = this;
    if (!live) return;
    const { pipeline } = live;
    const fact = (id, value, note, kind = "") =>
      el(
        "div",
        { data: { key: id } },
        el("dt", {}, t(`pipeline.${id === "balanced" ? "ledger" : id}`)),
        el("dd", { class: kind, data: { fact: id } }, value, el("small", {}, note)),
      );
    update(
      this.strip,
      fact("rate", decimal(live.events_per_second), t("pipeline.rate_note")),
      fact(
        "in_flight",
        pipeline.in_flight === null ? t("pipeline.in_flight_unknown") : count(pipeline.in_flight),
        pipeline.in_flight === null ? t("pipeline.kafka_away") : t("pipeline.in_flight_note"),
      ),
      fact(
        "latency",
        seconds(pipeline.latency_seconds),
        pipeline.latency_seconds === null ? t("pipeline.latency_unknown") : t("pipeline.latency_note"),
      ),
      fact("stored", count(pipeline.stored), t("pipeline.stored_note")),
      fact(
        "dead_letters",
        count(pipeline.dead_letters),
        t("pipeline.dead_letters_note"),
        pipeline.dead_letters ? "bad" : "",
      ),
      fact(
        "view_age",
        pipeline.view_as_of ? age(pipeline.view_as_of) : "–",
        t("pipeline.view_age_note"),
      ),
      this.balanced !== undefined &&
        fact(
          "balanced",
          this.balanced ? t("pipeline.balanced") : t("pipeline.off"),
          this.balanced ? t("pipeline.balanced_note") : t("pipeline.off_note"),
          this.balanced ? "good" : "bad",
        ),
    );
    update(
      this.alerts,
      pipeline.alerts.length > 0 &&
        el(
          "ul",
          { class: "alerts" },
          pipeline.alerts.map((alert) =>
            el(
              "li",
              {},
              el("b", {}, nameOf("alert", alert.name)),
              alert.subject && ` (${alert.subject})`,
              ": ",
              // Written by the service, for operators.
              el("span", { lang: "en" }, alert.detail),
            ),
          ),
        ),
    );
  }
}

/** The text of a code of the API; the code itself where there is none. */
const nameOf = (group, code) => (isKnown(`${group}.${code}`) ? t(`${group}.${code}`) : code.replaceAll("_", " "));

function ledgerTable(body) {
  const columns = [
    ["read", (p) => p.next_offset - p.first_offset],
    ["stored", (p) => p.stored],
    ["duplicates", (p) => p.duplicates],
    ["dead_letters", (p) => p.dead_lettered],
    ["skipped", (p) => p.skipped],
    ["in_flight", (p) => p.in_flight],
  ];
  return el(
    "details",
    { class: "numbers" },
    el("summary", {}, t("pipeline.partitions", { count: body.partitions.length })),
    table(
      t("pipeline.table"),
      [
        [t("pipeline.column.partition")],
        ...columns.map(([name]) => [t(`pipeline.column.${name}`), "number"]),
        [t("pipeline.column.state"), "number"],
      ],
      body.partitions.map((p) =>
        el(
          "tr",
          {},
          el("th", { scope: "row" }, String(p.partition)),
          columns.map(([, of]) => el("td", { class: "number" }, of(p) === null ? "?" : count(of(p)))),
          el("td", { class: "number" }, p.halt_reason ? t("pipeline.halted", { reason: nameOf("halt", p.halt_reason) }) : t("pipeline.reading")),
        ),
      ),
    ),
  );
}

/** The pill in the header. */
export function updateHeader(live) {
  byId("live").textContent = t("live.rate", { rate: decimal(live.events_per_second) });
}
