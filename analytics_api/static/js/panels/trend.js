// The totals of the period and of the comparison period, and the chart of one of them.

import { ask, at } from "../api.js";
import { current, go, scope, zone } from "../address.js";
import { timeChart } from "../chart.js";
import { el, put } from "../dom.js";
import { date, decimal, figure, signed } from "../format.js";
import { Panel } from "../panel.js";
import { drawing } from "../spark.js";

const TILES = [
  ["total_engagements", "Engagements", ""],
  ["views", "Views", "view"],
  ["likes", "Likes", "like"],
  ["comments", "Comments", "comment"],
  ["shares", "Shares", "share"],
];
/** What a tile shows in place of the change, by why there is no comparison period. */
const NO_COMPARISON = {
  all_time: () => "all time",
  not_recorded: (body) =>
    body.recorded_since ? `recorded since ${date(body.recorded_since, zone())}` : "nothing recorded",
  expired: () => "days before expired",
};
const INTERVALS = ["hour", "day", "week"];

const DAY_MS = 86_400_000;

/** Days in the period, if the address says so. */
function days() {
  const { period = "30d", start, end } = current();
  if (start) return (new Date(end ?? Date.now()) - new Date(start)) / DAY_MS + 1;
  return period === "all" ? Infinity : Number.parseInt(period, 10);
}

const usual = (of) => (of <= 4 ? "hour" : of <= 120 ? "day" : "week");

/** The scope of a series: where no period was chosen, a post is shown since it was published. */
async function seriesScope() {
  const query = scope();
  const { post, period, start } = current();
  if (!post) return [query, days()];
  query.set("post", post);
  if (period || start) return [query, days()];
  const { body } = await ask(`/engagement/${encodeURIComponent(post)}?period=all`);
  query.delete("period");
  query.set(
    "start",
    date(body.publish_date, zone(), { year: "numeric", month: "2-digit", day: "2-digit" })
      .split("/")
      .reverse()
      .join("-"),
  );
  return [query, (Date.now() - new Date(body.publish_date)) / DAY_MS + 1];
}

/** The card of tiles and chart. */
/** The tile's note: the share of readers who engage after a view; *only*: one type is chosen. */
function rateNote(rate, only) {
  if (only) return "of this type alone";
  return rate === null ? "no views" : `${decimal(rate)} % engage after a view`;
}

export class Trend {
  constructor() {
    this.tiles = el("div", { class: "tiles", role: "group", "aria-label": "Totals; each draws its chart" });
    this.panel = new Panel("trend", "Engagement over time", { sql: ["series", "overview"] });
    this.panel.element.prepend(this.tiles);
    this.head = el("div", { class: "chart-head" });
    this.panel.element.querySelector(".head").remove();
    this.panel.element.setAttribute("aria-label", "Engagement over time");
    this.panel.element.removeAttribute("aria-labelledby");
    this.panel.body.before(this.head);
    this.elements = [this.panel.element];
  }

  async show() {
    const { post } = current();
    this.tiles.hidden = Boolean(post);
    await Promise.all([this.#chart(), post ? null : this.#totals()]);
  }

  #metric() {
    const { metric, type } = current();
    return TILES.find(([, , kind]) => kind === (type ?? metric ?? "")) ?? TILES[0];
  }

  async #series(kind) {
    const [query, length] = await seriesScope();
    const interval = INTERVALS.includes(current().interval) ? current().interval : usual(length);
    if (kind) query.set("type", kind);
    query.set("interval", interval);
    return { path: at("/reports/series", query), interval, usual: usual(length) };
  }

  async #chart() {
    const [, name, kind] = this.#metric();
    const state = current();
    const series = await this.#series(kind).catch((error) => {
      this.panel.fail(error, () => this.show());
      throw error;
    });
    const button = (each) =>
      el(
        "button",
        {
          type: "button",
          "aria-pressed": String(each === series.interval),
          onclick: () => go({ interval: each === series.usual ? undefined : each }),
        },
        each,
      );
    const choice = el(
      "div",
      { class: "segments", role: "group", "aria-label": "Interval" },
      INTERVALS.map(button),
    );
    put(this.head, el("h2", {}, state.post ? "This post, over time" : `${name} over time`), choice);
    await this.panel.show(series.path, (points) =>
      timeChart({
        name,
        interval: series.interval,
        zone: zone(),
        points: points.map((point) => ({
          start: point.start,
          value: point.total_engagements,
          before: point.previous_engagements,
        })),
      }),
    );
  }

  async #totals() {
    const { body } = await ask(at("/reports/overview", scope()));
    const series = await this.#series("")
      .then(({ path }) => ask(path))
      .catch(() => ({ body: [] }));
    const [, , chosen] = this.#metric();
    const only = current().type;
    const none = NO_COMPARISON[body.no_comparison]?.(body);
    const tiles = TILES.map(([name, text, kind]) =>
      this.#tile(text, {
        value: figure(body.current[name]),
        change: body.change_pct?.[name],
        before: body.previous && figure(body.previous[name]),
        none,
        line: series.body.map((point) => point[name]),
        pressed: kind === chosen,
        does: only ? null : () => go({ metric: kind || undefined }),
        id: name,
      }),
    );
    const readers = this.#tile("Readers", {
      value: figure(body.current.active_users),
      change: body.change_pct?.active_users,
      before: body.previous && figure(body.previous.active_users),
      none,
      note: rateNote(body.current.engagement_rate, only),
      id: "active_users",
    });
    put(this.tiles, ...tiles, readers);
  }

  #tile(name, { value, change, before, none, line, note, pressed, does, id }) {
    const better = change > 0 ? "good" : change < 0 ? "bad" : "quiet";
    const changeText =
      change === null || change === undefined
        ? null
        : el(
            "span",
            { class: `change ${better}`, title: `${before} in the comparison period` },
            signed(change).replace(/^[+−]/, ""),
          );
    return el(
      "button",
      {
        class: "tile",
        type: "button",
        "aria-pressed": does ? String(pressed) : undefined,
        disabled: !does,
        onclick: does ?? undefined,
        data: { tile: id },
      },
      el("span", { class: "name" }, name),
      el("span", { class: "value" }, value),
      changeText ?? el("span", { class: "change quiet" }, none ?? "none before"),
      line ? drawing(line) : el("span", { class: "quiet small" }, note),
    );
  }
}
