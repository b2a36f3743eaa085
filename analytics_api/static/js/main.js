// The page: its parts, and when they request their reports.

import { chosenFilters, chosenPeriod, current, isWall, link, nameZone, onChange, refuseZone, zone } from "./address.js";
import { periodName, periodProblem } from "./address-texts.js";
import { ask, Failure, outdate } from "./api.js";
import { byId, el, update } from "./dom.js";
import { date, days, moment } from "./format.js";
import { drawHeader } from "./header.js";
import { onKey, setKey, tryKeyOfLink } from "./key.js";
import { listen } from "./keyboard.js";
import { follow } from "./live.js";
import { t } from "./messages.js";
import { notice, noticeKey, noticeLive } from "./notice.js";
import { Audience, Funnel } from "./panels/audience.js";
import { Brief } from "./panels/brief.js";
import { Cohorts } from "./panels/cohorts.js";
import { Effects } from "./panels/effects.js";
import { Decay, Evergreen } from "./panels/fading.js";
import { Heatmap } from "./panels/heatmap.js";
import { Movers } from "./panels/movers.js";
import { Opportunities } from "./panels/opportunities.js";
import { PostPath } from "./panels/path.js";
import { Pipeline, RightNow, updateHeader } from "./panels/pipeline.js";
import { rankings } from "./panels/rankings.js";
import { Loyalty, ReturningReaders } from "./panels/readers.js";
import { Subject } from "./panels/subject.js";
import { Trend } from "./panels/trend.js";
import { WhenToPost } from "./panels/when.js";
import { addDays } from "./periods.js";

const REFRESH_MS = 20_000;
/** Windows that end now move on although no event comes. */
const SLOWEST_REFRESH_MS = 300_000;
const TILES_MS = 1000;
/** Reports out of view do not wait longer for a slow one in view. */
const VIEW_MS = 3000;
/** A wall shows the present also while no event comes. */
const WALL_REFRESH_MS = 60_000;
const LATER_AT_ONCE = 2;
const TYPES = ["view", "like", "comment", "share"];

const subject = new Subject();
const path = new PostPath();
const trend = new Trend();
const brief = new Brief();
const movers = new Movers();
const now = new RightNow();
const when = new WhenToPost();
const hours = new Heatmap();
const opportunities = new Opportunities();
const [posts, authors, categories, tags] = rankings();
const decay = new Decay();
const evergreen = new Evergreen();
const loyalty = new Loyalty();
const returning = new ReturningReaders();
const funnel = new Funnel();
const audience = new Audience();
const effects = new Effects();
const cohorts = new Cohorts();
const pipeline = new Pipeline();

/** The rows of the page, from the top. */
const ROWS = [
  [subject],
  [path],
  [trend],
  [brief],
  [movers, now],
  [when, hours],
  [opportunities],
  [posts, authors],
  [categories, tags],
  [decay, evergreen],
  [loyalty, funnel],
  [returning, audience],
  [effects, cohorts],
  [pipeline],
];
const ALL = ROWS.flat();
const OF_A_POST = new Set([subject, path, trend, pipeline]);
const OF_ALL = new Set(ALL.filter((part) => part !== path));
const OF_A_WALL = new Set([trend, now, movers, posts]);

update(
  byId("parts"),
  ROWS.map((row) => {
    const elements = row.flatMap((part) => part.elements);
    return row.length > 1 ? el("div", { class: "columns stretch" }, elements) : elements;
  }),
);

const shownParts = () => ALL.filter((part) => (isWall() ? OF_A_WALL : current().post ? OF_A_POST : OF_ALL).has(part));

/** Hide the parts that the address does not show, before the page is first drawn, too. */
function hideOthers() {
  for (const part of ALL)
    for (const element of part.elements)
      if (part !== subject && !part.regions.some((region) => region.note === element))
        element.hidden = !shownParts().includes(part);
  for (const row of document.querySelectorAll(".parts > .columns"))
    row.hidden = [...row.children].every((element) => element.hidden);
}
hideOthers();

/** Show what the address says: nothing of another filter, and the new numbers once they are there. */
async function open() {
  drawHeader();
  hideOthers();
  drawTitle();
  if (periodProblem()) return notice({ kind: "period" });
  if (byId("live").dataset.state !== "live") outdate();
  refreshedAt = Date.now();
  for (const part of shownParts()) part.expect();
  await show(shownParts());
}

/** Request the reports of these parts: tiles first, then what is in view, then the others. */
async function show(parts) {
  const failures = [];
  const request = (part) => part.show().catch((failure) => void failures.push(failure));
  const inView = parts.filter(isInView);
  const first = trend.elements[0].hidden || !inView.includes(trend) ? null : request(trend);
  if (first && !current().post) {
    const failure = await Promise.race([trend.showTotals().then(() => null, (reason) => reason), pause(TILES_MS)]);
    if (isDenied(failure)) return conclude([failure]);
  }
  const shown = Promise.all([first, ...inView.filter((part) => part !== trend || !first).map(request)]);
  await Promise.race([shown, pause(VIEW_MS)]);
  drawFreshness();
  drawTitle();
  const later = parts.filter((part) => !inView.includes(part));
  await Promise.all(
    Array.from({ length: LATER_AT_ONCE }, async () => {
      while (later.length) await request(later.shift());
    }),
  );
  await shown;
  await conclude(failures);
}

const isDenied = (failure) => [401, 403].includes(failure?.status);

const isInView = (part) =>
  part.elements.some((element) => {
    const { top, bottom, height } = element.getBoundingClientRect();
    return height > 0 && bottom > 0 && top < innerHeight;
  });

/** Show what failures mean for the whole page. */
async function conclude(failures) {
  if (failures.some((each) => each.code === "unknown_time_zone") && refuseZone(zone())) return open();
  for (const failure of failures) if (!(failure instanceof Failure)) console.error(failure);
  const empty = failures.length ? null : await emptiness().catch((failure) => void failures.push(failure));
  const worst = failures.sort((one, other) => severity(other) - severity(one))[0];
  notice(worst && severity(worst) ? worst : empty);
}

/** How much a failure concerns the whole page. A slow report shows it in its own panel. */
function severity({ status, isSlow }) {
  return isSlow ? 0 : ({ 0: 4, 401: 5, 403: 5, 429: 1, 503: 3 }[status] ?? 0);
}

/** The notice of a service that has no engagement with any post of the catalogue; else null. */
async function emptiness() {
  const totals = trend.totals.drawn;
  if (chosenFilters().length || current().post || !totals || totals.current.total_engagements) return null;
  const { body } = await ask("/categories/top?limit=50");
  if (body.some((each) => each.total_engagements)) return null;
  return { kind: "empty", since: totals.recorded_since };
}

/** When the numbers were true, in every view. */
function drawFreshness(newer) {
  const asOf = new Date(newer ?? (current().post ? subject : trend).asOf ?? 0);
  // The epoch means that the consumer has never caught up.
  update(byId("freshness"), asOf.getTime() ? t("page.as_of", { moment: moment(asOf, zone()) }) : "\u00a0");
}

/** Name the view: history, bookmarks and tabs show it. */
function drawTitle() {
  const { category, tag, type } = current();
  const period = chosenPeriod() === "custom" ? chosenDates() : periodName(chosenPeriod());
  const filters = [category, tag && `#${tag}`, TYPES.includes(type) && t(`type.${type}`)].filter(Boolean);
  document.title = [subject.title, ...filters, period, t("page.name")].filter(Boolean).join(" · ");
}

function chosenDates() {
  const { start, end } = current();
  return end ? days(start, addDays(end, 1), "UTC") : t("period.since", { start: date(start, "UTC") });
}

// Reports are requested again when the live stream says that their data have changed, those out of view when
// they come into view.
const due = new Set();
const seen = { stored: null, asOf: null };
let refreshedAt = 0;
let refreshing = null;

function onLive(live) {
  updateHeader(live);
  now.update(live);
  pipeline.update(live);
  noticeLive(live);
  const { stored, view_as_of: asOf } = live.pipeline;
  const isFirst = seen.asOf === null;
  const isOld = Date.now() - refreshedAt > SLOWEST_REFRESH_MS;
  const hasChanged = stored !== seen.stored && (current().post || asOf !== seen.asOf);
  if (!isFirst && !hasChanged && !isOld) {
    // Nothing came in between: what is shown is as true as the newest refresh.
    if (asOf !== seen.asOf && stored === seen.stored && !due.size && !current().post) drawFreshness(asOf);
    return;
  }
  Object.assign(seen, { stored, asOf });
  if (isFirst) return;
  outdate();
  for (const part of ALL) due.add(part);
  refreshSoon();
}

function refreshSoon() {
  const rest = refreshedAt + REFRESH_MS - Date.now();
  refreshing ??= setTimeout(refresh, Math.max(0, rest));
}

function refresh() {
  refreshing = null;
  if (document.hidden || periodProblem()) return;
  refreshedAt = Date.now();
  const parts = shownParts().filter((part) => due.has(part) && isInView(part));
  for (const part of parts) due.delete(part);
  if (parts.length) show(parts);
}

/** Request again what failed. */
function retry() {
  if (document.hidden || periodProblem()) return;
  const failed = shownParts().filter((part) => part.regions.some((region) => region.hasFailed));
  if (!failed.length && byId("notice").hidden) return;
  outdate();
  show(failed.length ? failed : [trend]);
}

const LIVE = { waiting: t("live.waiting"), away: t("live.away") };
let again = () => {};
const showState = (state) => {
  if (byId("live").dataset.state === state) return;
  byId("live").dataset.state = state;
  if (LIVE[state]) byId("live").textContent = LIVE[state];
  if (state === "away") {
    now.lose();
    outdate();
    show([trend]);
  } else if (state === "live") retry();
};

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function start() {
  nameZone();
  noticeKey(await tryKeyOfLink());
  again = follow(onLive, showState);
  onKey(() => {
    noticeKey("");
    outdate();
    // What another key could read is not shown.
    for (const region of ALL.flatMap((part) => part.regions)) region.expect(null);
    again();
    open();
  });
  await open();
}

onChange(() => {
  nameZone();
  open();
  scrollTo({ top: 0 });
  if (document.activeElement === document.body) byId("main").focus({ preventScroll: true });
});
byId("forget").onclick = () => setKey(null);
for (const each of document.querySelectorAll("#languages a"))
  each.onclick = (event) => {
    event.preventDefault();
    location.assign(link({ lang: each.hreflang }));
  };
listen();
if (!("leaving" in document.documentElement.dataset)) start();
setInterval(retry, REFRESH_MS);
if (isWall()) setInterval(() => outdate() ?? show(shownParts()), WALL_REFRESH_MS);
addEventListener("scroll", () => due.size && refreshSoon(), { passive: true });
document.addEventListener("visibilitychange", () => due.size && refreshSoon());
