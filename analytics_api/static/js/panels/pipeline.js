// How the way of the events fares, and what happens right now. Fed by the live board.

import { byId, el, named, owned, update } from "../dom.js";
import { age, count, decimal, plural, seconds } from "../format.js";
import { Panel } from "../panel.js";
import { placeholder } from "../region.js";
import { scaleTop } from "../spark.js";
import { table } from "../table.js";
import { row } from "./rows.js";

const SHOWN = 6;

/** The posts of the last five minutes. */
export class RightNow {
  constructor() {
    this.panel = new Panel("now", "Right now", {
      about: "What readers did in the last five minutes, all posts.",
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
    const posts = this.#inOrder(live.top_posts.slice(0, SHOWN));
    const most = scaleTop(live.seconds);
    const top = Math.max(1, ...live.top_posts.map((post) => post.total_engagements));
    update(
      this.panel.body,
      el(
        "div",
        {
          class: "bars",
          role: "img",
          "aria-label": `Events in each of the last 60 seconds, ${decimal(live.events_per_second)} a second of late`,
        },
        live.seconds.map((each) => el("i", { vars: { height: `${(100 * Math.min(each, most)) / most}%` } })),
      ),
      el(
        "p",
        { class: "quiet small" },
        `${plural(live.seconds.reduce((sum, each) => sum + each, 0), "event")} in the last minute`,
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
                sub: [named(post.author_name), " · ", named(post.category)],
              }),
            ),
          )
        : placeholder("No events at the moment", "New events show here within a second."),
      live.unknown_posts.events > 0 && el("p", { class: "warning", data: { key: "unknown" } }, unknownPosts(live)),
    );
    this.panel.region.shown(live, new Date(live.as_of));
    this.panel.sources();
  }

  /** Say that the feed is interrupted. */
  lose() {
    this.panel.region.lose("The live feed does not answer");
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
  events
    ? `${plural(events, "event")} for ${posts === 1 ? "a post" : plural(posts, "post")} the catalogue does not know, in the last five minutes. They count once the catalogue has ${posts === 1 ? "it" : "them"}: see engage db orphans.`
    : "";

/** The strip at the end of the page. */
export class Pipeline {
  constructor() {
    this.panel = new Panel("pipeline", "The pipeline", {
      about: "From a reader's click to the numbers above. Nothing is lost: each record is accounted for.",
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
    const fact = (name, id, value, note, kind = "") =>
      el(
        "div",
        { data: { key: id } },
        el("dt", {}, name),
        el("dd", { class: kind, data: { fact: id } }, value, el("small", {}, note)),
      );
    update(
      this.strip,
      fact("Events a second", "rate", decimal(live.events_per_second), "mean of 10 s"),
      fact(
        "On the way",
        "in_flight",
        pipeline.in_flight === null ? "unknown" : count(pipeline.in_flight),
        pipeline.in_flight === null ? "Kafka does not answer" : "in Kafka, not stored yet",
      ),
      fact(
        "End to end",
        "latency",
        seconds(pipeline.latency_seconds),
        pipeline.latency_seconds === null ? "nothing came lately" : "from receipt to stored",
      ),
      fact("Stored", "stored", count(pipeline.stored), "each exactly once"),
      fact(
        "Dead letters",
        "dead_letters",
        count(pipeline.dead_letters),
        "wait for a person",
        pipeline.dead_letters ? "bad" : "",
      ),
      fact(
        "Reports' age",
        "view_age",
        pipeline.view_as_of ? age(pipeline.view_as_of) : "–",
        "refreshed on a schedule",
      ),
      this.balanced !== undefined &&
        fact(
          "Ledger",
          "balanced",
          this.balanced ? "balanced" : "off",
          this.balanced ? "all is accounted for" : "run engage db verify",
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
              el("b", {}, alert.name.replaceAll("_", " ")),
              alert.subject && ` (${alert.subject})`,
              ": ",
              alert.detail,
            ),
          ),
        ),
    );
  }
}

function ledgerTable(body) {
  const columns = [
    ["Read", (p) => p.next_offset - p.first_offset],
    ["Stored", (p) => p.stored],
    ["Sent twice", (p) => p.duplicates],
    ["Dead letters", (p) => p.dead_lettered],
    ["Skipped", (p) => p.skipped],
    ["On the way", (p) => p.in_flight],
  ];
  return el(
    "details",
    { class: "numbers" },
    el("summary", {}, `Partition by partition: ${plural(body.partitions.length, "partition")}`),
    table(
      "What became of each record",
      [["Partition"], ...columns.map(([name]) => [name, "number"]), ["State", "number"]],
      body.partitions.map((p) =>
        el(
          "tr",
          {},
          el("th", { scope: "row" }, String(p.partition)),
          columns.map(([, of]) => el("td", { class: "number" }, of(p) === null ? "?" : count(of(p)))),
          el("td", { class: "number" }, p.halt_reason ? `halted: ${p.halt_reason}` : "reading"),
        ),
      ),
    ),
  );
}

/** The pill in the header. */
export function updateHeader(live) {
  byId("live").textContent = `${decimal(live.events_per_second)} events/s`;
}
