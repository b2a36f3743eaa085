// How the way of the events fares, and what happens right now. Fed by the live board.

import { ask } from "../api.js";

import { byId, el, named, put } from "../dom.js";
import { age, count, decimal, plural, seconds } from "../format.js";
import { Panel } from "../panel.js";
import { scaleTop } from "../spark.js";
import { table } from "../table.js";
import { row } from "./rows.js";

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

  async show() {}

  update(live) {
    const most = scaleTop(live.seconds);
    const top = Math.max(1, ...live.top_posts.map((post) => post.total_engagements));
    put(
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
      live.top_posts.length
        ? el(
            "ol",
            { class: "rows" },
            live.top_posts.slice(0, 6).map((post) =>
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
        : el(
            "p",
            { class: "empty" },
            "No events at the moment. New events show here within a second.",
          ),
    );
    this.panel.sources();
  }
}

/** The strip at the end of the page. */
export class Pipeline {
  constructor() {
    this.panel = new Panel("pipeline", "The pipeline", {
      about: "From a reader's click to the numbers above. Nothing is lost: each record is accounted for.",
      sql: ["live_pipeline", "ledger_offsets", "ledger_totals"],
    });
    this.strip = el("dl", { class: "strip" });
    this.alerts = el("div");
    this.ledger = el("div");
    this.live = null;
    this.elements = [this.panel.element];
  }

  async show() {
    this.panel.path = "/ops/ledger";
    const { body } = await ask("/ops/ledger");
    this.balanced = body.balanced;
    put(this.ledger, ledgerTable(body));
    this.#draw();
  }

  update(live) {
    this.live = live;
    this.#draw();
  }

  #draw() {
    const { live } = this;
    if (!live) return;
    const { pipeline } = live;
    const fact = (name, id, value, note, kind = "") =>
      el(
        "div",
        {},
        el("dt", {}, name),
        el("dd", { class: kind, data: { fact: id } }, value, el("small", {}, note)),
      );
    put(
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
          this.balanced ? "all is accounted for" : "run `engage db verify`",
          this.balanced ? "good" : "bad",
        ),
    );
    put(
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
    if (!this.strip.isConnected) put(this.panel.body, this.alerts, this.strip, this.ledger);
    this.panel.sources();
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
