// The totals of the period and of the comparison period, and the chart of one of them.

import { ask, at } from "../api.js";
import { chosenDays, chosenPeriod, current, go, scope, zone } from "../address.js";
import { Chart } from "../chart.js";
import { el, owned, update } from "../dom.js";
import { date, days, decimal, figure, signed } from "../format.js";
import { Panel } from "../panel.js";
import { daysBetween, todayIn } from "../periods.js";
import { Region, notEnough, placeholder } from "../region.js";
import { drawing } from "../spark.js";

const TILES = [
  ["total_engagements", "Engagements", ""],
  ["views", "Views", "view"],
  ["likes", "Likes", "like"],
  ["comments", "Comments", "comment"],
  ["shares", "Shares", "share"],
];
const READERS = ["active_users", "Known readers", null];
/** Why there is no comparison period, in a tile and in the sentence below the tiles. */
const NO_COMPARISON = {
  all_time: () => "All time has no comparison period.",
  not_recorded: ({ recorded_since: since }) =>
    since
      ? `Nothing to compare with yet: the comparison period begins before ${date(since, zone())}, when recording began.`
      : "Nothing is recorded yet.",
  expired: () => "Days of the comparison period have expired.",
  not_requested: () => "",
};
const COMPARED = { previous: "the period before", year: "the same period last year" };
const INTERVALS = ["hour", "day", "week"];
const FEW_DAYS = 4;
const DAY_MS = 86_400_000;

/** The card of tiles and chart. */
export class Trend {
  constructor() {
    this.tiles = owned(el("div", { class: "tiles", role: "group", "aria-label": "Totals; each draws its chart" }));
    this.totals = new Region(this.tiles, { loading: () => TILES.concat([READERS]).map(emptyTile) });
    this.compared = owned(el("p", { class: "quiet small compared", id: "compared" }));
    this.panel = new Panel("trend", "Engagement over time", {
      sql: ["series", "overview"],
      empty: () => placeholder("Nothing in this period"),
    });
    this.chart = new Chart();
    this.choice = el("div", { class: "segments", role: "group", "aria-label": "Interval" });
    this.panel.heading.after(this.choice);
    this.#drawChoice();
    this.panel.element.prepend(this.tiles, this.totals.note, this.compared);
    this.elements = [this.panel.element];
    this.sparks = null;
  }

  get regions() {
    return [this.totals, this.panel.region];
  }

  get asOf() {
    return (current().post ? this.panel.region : this.totals).asOf;
  }

  expect() {
    const { post } = current();
    this.tiles.hidden = Boolean(post);
    this.compared.hidden = Boolean(post);
    if (!post) this.totals.expect(this.#totalsPath());
    if (!post && this.tiles.dataset.state === "loading") {
      this.sparks = null;
      update(this.compared, "\u00a0");
    }
    this.panel.region.expect(this.#chartKey());
    const [, name] = this.#metric();
    this.panel.heading.textContent = post ? "This post, over time" : `${name} over time`;
  }

  async show() {
    this.expect();
    const totals = current().post ? null : this.showTotals();
    const failed = (await Promise.allSettled([totals, this.#showChart()])).find((each) => each.reason);
    if (failed) throw failed.reason;
  }

  /** The tiles, which come before anything else. */
  async showTotals() {
    await this.totals.show(this.#totalsPath(), (body) => {
      update(this.compared, comparedWith(body));
      return this.#tiles(body);
    });
  }

  #totalsPath() {
    return at("/reports/overview", scope());
  }

  #metric() {
    const { metric, type } = current();
    return TILES.find(([, , kind]) => kind === (type ?? metric ?? "")) ?? TILES[0];
  }

  /** What the chart depends on; the interval that is usual is known later. */
  #chartKey() {
    const { post, interval } = current();
    return `${at("/reports/series", scope())}&${post ?? ""}&${interval ?? ""}&${this.#metric()[2]}`;
  }

  async #showChart() {
    const key = this.#chartKey();
    let path = "";
    const load = async () => {
      const [query, usual] = await (current().post ? postScope() : this.#scope());
      const { interval: chosen } = current();
      const interval = INTERVALS.includes(chosen) ? chosen : usual;
      query.set("interval", interval);
      const total = at("/reports/series", query);
      const [, , kind] = this.#metric();
      if (kind) query.set("type", kind);
      path = at("/reports/series", query);
      const [found, all] = await Promise.all([ask(path), ask(total)]);
      return { ...found, interval, usual, total: all.body };
    };
    await this.panel.region.show(key, (_points, found) => this.#draw(found), load);
    this.panel.path = path;
    this.panel.sources();
  }

  /** The parameters of the series of all posts, and its usual interval. */
  async #scope() {
    const { start, end } = chosenDays();
    const { body } = await ask(this.#totalsPath());
    const recorded = body.recorded_since ? (Date.now() - new Date(body.recorded_since)) / DAY_MS : 0;
    const length = start ? daysBetween(start, end ?? todayIn(zone())) : Infinity;
    return [scope(), usualInterval(Math.min(length, recorded))];
  }

  /** Draw the intervals; none is chosen while the usual one is not known. */
  #drawChoice(interval, usual) {
    update(
      this.choice,
      INTERVALS.map((each) =>
        el(
          "button",
          {
            type: "button",
            "aria-pressed": String(each === interval),
            onclick: () => go({ interval: each === usual ? undefined : each }),
            data: { key: each },
          },
          each,
        ),
      ),
    );
  }

  #draw({ body: points, interval, usual, total }) {
    this.#drawChoice(interval, usual);
    this.#drawSparks(total);
    const first = points.findIndex((point) => point.total_engagements !== null);
    if (first < 0) return notEnough("Recording begins with the first event.");
    const [, name] = this.#metric();
    return this.chart.show({
      name,
      interval,
      zone: zone(),
      points: points.slice(first).map((point) => ({
        start: point.start,
        value: point.total_engagements,
        beforeStart: point.previous_start,
        before: point.previous_engagements,
      })),
    });
  }

  /** Draw the lines of the tiles, whose numbers came before. */
  #drawSparks(points) {
    this.sparks = points;
    for (const [name] of TILES) {
      const place = this.tiles.querySelector(`[data-tile=${name}] .line-place`);
      if (place) update(place, this.#spark(name));
    }
  }

  #spark(name) {
    return this.sparks ? drawing(this.sparks.map((point) => point[name]).filter((value) => value !== null)) : null;
  }

  #tiles(body) {
    const [, , chosen] = this.#metric();
    const only = current().type;
    const tile = ([name, text, kind], below, pressed) => {
      const change = body.change_pct?.[name];
      return el(
        "button",
        {
          class: "tile",
          type: "button",
          "aria-pressed": kind === null || only ? undefined : String(pressed),
          disabled: kind === null || Boolean(only),
          onclick: () => go({ metric: kind || undefined }),
          data: { tile: name },
        },
        el("span", { class: "name" }, text),
        el("span", { class: "value" }, figure(body.current[name])),
        changeOf(change, body, name),
        below,
      );
    };
    return [
      ...TILES.map((each) =>
        tile(each, el("span", { class: "line-place" }, this.#spark(each[0])), each[2] === chosen),
      ),
      tile(READERS, el("span", { class: "quiet small line-place" }, rateNote(body.current.engagement_rate, only))),
    ];
  }
}

const usualInterval = (length) => (length <= FEW_DAYS ? "hour" : length <= 120 ? "day" : "week");

/** The parameters of a post's series, and its usual interval: without a chosen period since it was published. */
async function postScope() {
  const { post, period, start } = current();
  const query = scope();
  query.set("post", post);
  const { body } = await ask(`/engagement/${encodeURIComponent(post)}?period=all`);
  const age = (Date.now() - new Date(body.publish_date)) / DAY_MS;
  if (period || start) {
    const { start: first, end } = chosenDays();
    const length = first ? daysBetween(first, end ?? todayIn(zone())) : Infinity;
    return [query, usualInterval(Math.min(length, age))];
  }
  query.delete("period");
  query.set("compare", "none");
  query.set("start", isoDate(body.publish_date));
  return [query, usualInterval(age)];
}

const isoDate = (instant) =>
  date(instant, zone(), { year: "numeric", month: "2-digit", day: "2-digit" }).split("/").reverse().join("-");

function emptyTile([name, text]) {
  return el(
    "div",
    { class: "tile", data: { key: name } },
    el("span", { class: "name" }, text),
    el("span", { class: "skeleton value" }, el("i")),
    el("span", { class: "change quiet" }, "\u00a0"),
    el("span", { class: "line-place" }),
  );
}

function changeOf(change, body, name) {
  if (body.change_pct === null) return el("span", { class: "change quiet" }, "not compared");
  if (change === null) return el("span", { class: "change quiet" }, "none before");
  const better = change > 0 ? "good" : change < 0 ? "bad" : "quiet";
  return el(
    "span",
    { class: `change ${better}`, title: `${figure(body.previous[name])} in ${days(body.previous_start, body.previous_end, zone())}` },
    signed(change).replace(/^[+−]/, ""),
  );
}

/** Which days the tiles are of, and which they are compared with. */
function comparedWith(body) {
  const shown = chosenPeriod() === "all" ? "All time" : days(body.start, body.end, zone());
  if (body.no_comparison) return [el("b", {}, shown), " ", NO_COMPARISON[body.no_comparison](body)];
  const before = days(body.previous_start, body.previous_end, zone());
  return [el("b", {}, shown), ` compared with ${before}, ${COMPARED[current().compare ?? "previous"]}`];
}

/** The tile's note: the share of readers who engage after a view; *only*: one type is chosen. */
function rateNote(rate, only) {
  if (only) return "of this type alone";
  return rate === null ? "no views" : `${decimal(rate)} % engage after a view`;
}
