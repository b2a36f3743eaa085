// The totals of the period and of the comparison period, and the chart of one of them.

import { newestAnnotations, since } from "../annotations.js";
import { ask, at, combiner } from "../api.js";
import { chosenDays, chosenPeriod, current, go, isWall, scope, totalsPath, zone } from "../address.js";
import { Chart } from "../chart.js";
import { el, owned, update } from "../dom.js";
import { date, days, figure, list, moment, range, rate, unsigned } from "../format.js";
import { rich, t } from "../messages.js";
import { Panel } from "../panel.js";
import { dateIn, daysBetween, todayIn } from "../periods.js";
import { Region, notEnough, placeholder } from "../region.js";
import { drawing } from "../spark.js";

const TILES = [
  ["total_engagements", ""],
  ["views", "view"],
  ["likes", "like"],
  ["comments", "comment"],
  ["shares", "share"],
];
const READERS = ["active_users", null];
const INTERVALS = ["hour", "day", "week"];
const FEW_DAYS = 4;
/** The API refuses series of more than 10,000 intervals. */
const MOST_HOURLY_DAYS = 410;
const DAY_MS = 86_400_000;

/** The card of tiles and chart. */
export class Trend {
  constructor() {
    this.tiles = owned(el("div", { class: "tiles", role: "group", "aria-label": t("tile.label") }));
    this.totals = new Region(this.tiles, { loading: () => TILES.concat([READERS]).map(emptyTile) });
    this.compared = owned(el("p", { class: "quiet small compared", id: "compared" }));
    this.panel = new Panel("trend", t("trend.title"), {
      sql: ["series", "overview", "annotations"],
    });
    this.chart = new Chart();
    this.combine = combiner();
    this.choice = el("div", { class: "segments", role: "group", "aria-label": t("trend.interval") });
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
    if (!post) this.totals.expect(totalsPath());
    if (!post && this.tiles.dataset.state === "loading") {
      this.sparks = null;
      update(this.compared, "\u00a0");
    }
    this.panel.region.expect(this.#chartKey());
    this.panel.heading.textContent = post ? t("trend.of_post") : t(`trend.of.${this.#metric()[0]}`);
  }

  async show() {
    this.expect();
    const totals = current().post ? null : this.showTotals();
    const failed = (await Promise.allSettled([totals, this.#showChart()])).find((each) => each.reason);
    if (failed) throw failed.reason;
  }

  /** The tiles, which come before anything else. */
  async showTotals() {
    await this.totals.show(totalsPath(), (body) => {
      update(this.compared, comparedWith(body));
      return this.#tiles(body);
    });
  }

  #metric() {
    const { metric, type } = current();
    return TILES.find(([, kind]) => kind === (type ?? metric ?? "")) ?? TILES[0];
  }

  /** What the chart depends on; the interval that is usual is known later. */
  #chartKey() {
    const { post, interval } = current();
    return `${at("/reports/series", scope())}&${post ?? ""}&${interval ?? ""}&${this.#metric()[1]}`;
  }

  async #showChart() {
    const key = this.#chartKey();
    let path = "";
    const load = async () => {
      const [query, days] = await (current().post ? postScope() : this.#scope());
      const { interval: chosen } = current();
      const usual = usualInterval(days);
      const isTooFine = chosen === "hour" && days > MOST_HOURLY_DAYS;
      const interval = INTERVALS.includes(chosen) && !isTooFine ? chosen : usual;
      query.set("interval", interval);
      const total = at("/reports/series", query);
      const [, kind] = this.#metric();
      if (kind) query.set("type", kind);
      path = at("/reports/series", query);
      const [found, all, annotations] = await Promise.all([ask(path), ask(total), newestAnnotations(daysOf(query))]);
      return { ...found, body: this.combine({ points: found.body, annotations }), interval, usual, total: all.body };
    };
    await this.panel.region.show(key, (_body, found) => this.#draw(found), load);
    this.panel.path = path;
    this.panel.sources();
  }

  /** The parameters of the series of all posts, and its days. */
  async #scope() {
    const { start, end } = chosenDays();
    const { body } = await ask(totalsPath());
    const recorded = body.recorded_since ? (Date.now() - new Date(body.recorded_since)) / DAY_MS : 0;
    const length = start ? daysBetween(start, end ?? todayIn(zone())) : Infinity;
    return [scope(), Math.min(length, recorded)];
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
          t(`trend.interval.${each}`),
        ),
      ),
    );
  }

  #draw({ body: { points, annotations }, interval, usual, total }) {
    this.#drawChoice(interval, usual);
    this.#drawSparks(total);
    if (!points.length) return placeholder(t("state.nothing"));
    const first = points.findIndex((point) => point.total_engagements !== null);
    if (first < 0) return notEnough(t("trend.not_begun"));
    return this.chart.show({
      name: t(`tile.${this.#metric()[0]}`),
      interval,
      zone: zone(),
      isWhole: Boolean(current().post),
      annotations: since(new Date(points[first].start), annotations),
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
    const [, chosen] = this.#metric();
    const only = current().type;
    const button = (kind, pressed) => ({
      type: "button",
      "aria-pressed": kind === null || only ? undefined : String(pressed),
      disabled: kind === null || Boolean(only),
      onclick: () => go({ metric: kind || undefined }),
    });
    const tile = ([name, kind], below, pressed) => {
      const change = body.change_pct?.[name];
      return el(
        isWall() ? "div" : "button",
        { class: "tile", data: { tile: name }, ...(isWall() ? {} : button(kind, pressed)) },
        el("span", { class: "name" }, t(`tile.${name}`)),
        el("span", { class: "value" }, figure(body.current[name])),
        changeOf(change, body, name),
        usualOf(change, body, name),
        below,
      );
    };
    return [
      ...TILES.map((each) =>
        tile(each, el("span", { class: "line-place" }, this.#spark(each[0])), each[1] === chosen),
      ),
      tile(READERS, el("span", { class: "quiet small line-place" }, rateNote(body.current.engagement_rate, only))),
    ];
  }
}

/** The parameters of annotations in the days of a series. */
function daysOf(series) {
  const names = ["start", "end", "tz", "post"];
  return new URLSearchParams([...series].filter(([name]) => names.includes(name)));
}

const usualInterval = (length) => (length <= FEW_DAYS ? "hour" : length <= 120 ? "day" : "week");

/** The parameters of a post's series, and its days: without a chosen period since it was published. */
async function postScope() {
  const { post, period, start } = current();
  const query = scope();
  query.set("post", post);
  const { body } = await ask(`/engagement/${encodeURIComponent(post)}?period=all`);
  const age = (Date.now() - new Date(body.publish_date)) / DAY_MS;
  if (period || start) {
    const { start: first, end } = chosenDays();
    const length = first ? daysBetween(first, end ?? todayIn(zone())) : Infinity;
    return [query, Math.min(length, age)];
  }
  query.delete("period");
  query.set("compare", "none");
  query.set("start", dateIn(zone(), body.publish_date));
  return [query, age];
}

function emptyTile([name]) {
  return el(
    "div",
    { class: "tile", data: { key: name } },
    el("span", { class: "name" }, t(`tile.${name}`)),
    el("span", { class: "skeleton value" }, el("i")),
    el("span", { class: "change quiet" }, "\u00a0"),
    el("span", { class: "small verdict" }, "\u00a0"),
    el("span", { class: "line-place" }),
  );
}

/** The change; where it is known how much is usual, it has a colour only if it is more. */
function changeOf(change, body, name) {
  if (body.change_pct === null) return el("span", { class: "change quiet" }, t("tile.not_compared"));
  if (change === null) return el("span", { class: "change quiet" }, t("tile.none_before"));
  const isUsual = body.usual_change !== null && !body.usual_change[name]?.is_exceeded;
  const better = change > 0 ? "good" : change < 0 ? "bad" : "quiet";
  return el(
    "span",
    { class: `change ${better}${isUsual ? " usual" : ""}`, title: beforeOf(body, name) },
    unsigned(change),
  );
}

const beforeOf = (body, name) =>
  t("tile.before", {
    value: figure(body.previous[name]),
    days: days(body.previous_start, body.previous_end, zone()),
  });

/** Whether the change is more than such periods usually change by. */
function usualOf(change, body, name) {
  const found = body.usual_change?.[name];
  if (!found || change === null) return el("span", { class: "quiet small verdict" }, "\u00a0");
  const { low_pct: low, high_pct: high, is_exceeded: isExceeded } = found;
  const verdict = !isExceeded ? "usual" : change > high ? "more" : "less";
  return el(
    "span",
    {
      class: `small verdict${isExceeded ? "" : " quiet"}`,
      title: t("tile.usual_range", { range: range(low, high) }),
    },
    t(`tile.change.${verdict}`),
  );
}

/** Which days the tiles are of, and which they are compared with. */
function comparedWith(body) {
  const shown = el("b", {}, chosenPeriod() === "all" ? t("trend.all_time") : days(body.start, body.end, zone()));
  if (body.no_comparison) return [shown, " ", noComparison(body)];
  const before = days(body.previous_start, body.previous_end, zone());
  return rich(`trend.compared.${current().compare ?? "previous"}`, { days: shown, before });
}

/** Why there is no comparison period. */
function noComparison({ no_comparison: reason, recorded_since: since, recording_gaps: gaps }) {
  if (reason === "not_requested") return "";
  if (reason === "recording_gap") return t("trend.no_comparison.recording_gap", { gaps: list(gaps.map(written)).join("") });
  if (reason !== "not_recorded") return t(`trend.no_comparison.${reason}`);
  return since ? t("trend.no_comparison.not_recorded", { date: date(since, zone()) }) : t("state.nothing_recorded");
}

const written = ({ start, end }) =>
  t("trend.gap", { start: moment(start, zone()), end: moment(end, zone()) });

/** The tile's note: the share of readers who engage after a view; *only*: one type is chosen. */
function rateNote(value, only) {
  if (only) return t("tile.this_type");
  return value === null ? t("tile.no_views") : t("tile.rate", { rate: rate(value) });
}
