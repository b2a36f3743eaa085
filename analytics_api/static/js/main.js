// The page: its parts, and when they ask again.

import {
  chosenFilters,
  current,
  onChange,
  refuseZone,
  setReportingZone,
  zone,
  zoneNote,
} from "./address.js";
import { ask, askReportingZone, Failure } from "./api.js";
import { byId, el, put } from "./dom.js";
import { date } from "./format.js";
import { drawHeader } from "./header.js";
import { onKey, setKey } from "./key.js";
import { listen } from "./keyboard.js";
import { follow } from "./live.js";
import { notice } from "./notice.js";
import { Audience, Funnel } from "./panels/audience.js";
import { Brief } from "./panels/brief.js";
import { Cohorts } from "./panels/cohorts.js";
import { Effects } from "./panels/effects.js";
import { Heatmap } from "./panels/heatmap.js";
import { Movers } from "./panels/movers.js";
import { Opportunities } from "./panels/opportunities.js";
import { Pipeline, RightNow, updateHeader } from "./panels/pipeline.js";
import { rankings } from "./panels/rankings.js";
import { Subject } from "./panels/subject.js";
import { Trend } from "./panels/trend.js";
import { WhenToPost } from "./panels/when.js";

const AGAIN_MS = 20_000;

const parts = {
  subject: new Subject(),
  brief: new Brief(),
  trend: new Trend(),
  movers: new Movers(),
  now: new RightNow(),
  when: new WhenToPost(),
  hours: new Heatmap(),
  opportunities: new Opportunities(),
  rankings: rankings(),
  funnel: new Funnel(),
  audience: new Audience(),
  effects: new Effects(),
  cohorts: new Cohorts(),
  pipeline: new Pipeline(),
};
const [posts, authors, categories, tags] = parts.rankings;
const all = Object.values(parts).flat();
const ofOnePost = new Set([parts.subject, parts.trend, parts.pipeline]);
const columns = (...pair) =>
  el(
    "div",
    { class: "columns stretch" },
    pair.flatMap((part) => part.elements),
  );

put(
  byId("parts"),
  ...parts.subject.elements,
  ...parts.brief.elements,
  ...parts.trend.elements,
  columns(parts.movers, parts.now),
  columns(parts.when, parts.hours),
  ...parts.opportunities.elements,
  columns(posts, authors),
  columns(categories, tags),
  columns(parts.funnel, parts.audience),
  columns(parts.effects, parts.cohorts),
  ...parts.pipeline.elements,
);

/** Show what the address says. Parts ask one after the other's answer, the upper ones first. */
async function show() {
  const isPost = Boolean(current().post);
  const shown = all.filter((part) => !isPost || ofOnePost.has(part));
  for (const part of all)
    for (const element of part.elements) if (part !== parts.subject) element.hidden = !shown.includes(part);
  for (const pair of document.querySelectorAll(".parts > .columns")) pair.hidden = isPost;
  const outcomes = await Promise.allSettled(shown.map((part) => part.show()));
  const failures = outcomes.filter((each) => each.status === "rejected").map((each) => each.reason);
  if (failures.some((each) => each.code === "unknown_time_zone") && refuseZone(zone())) return start();
  const empty = failures.length ? null : await emptiness().catch((failure) => void failures.push(failure));
  for (const failure of failures) if (!(failure instanceof Failure)) console.error(failure);
  const worst = failures.sort((one, other) => severity(other) - severity(one))[0];
  notice(worst && severity(worst) ? worst : empty);
}

/** How much a failure concerns the whole page. A slow report shows it in its own panel. */
function severity({ status, isSlow }) {
  return isSlow ? 0 : ({ 0: 4, 401: 5, 403: 5, 429: 1, 503: 3 }[status] ?? 0);
}

/** "empty" where nothing is stored yet, else null. */
async function emptiness() {
  if (chosenFilters().length || current().post) return null;
  const { body, asOf } = await ask("/categories/top?limit=50");
  put(
    byId("freshness"),
    `as of ${date(asOf, zone(), { hour: "2-digit", minute: "2-digit", second: "2-digit" })}`,
  );
  return body.every((each) => each.total_engagements === 0) ? "empty" : null;
}

const LIVE = { waiting: "waiting", away: "not live" };
const again = follow(
  (live) => {
    updateHeader(live);
    parts.now.update(live);
    parts.pipeline.update(live);
  },
  (state) => {
    if (byId("live").dataset.state === state) return;
    byId("live").dataset.state = state;
    if (LIVE[state]) byId("live").textContent = LIVE[state];
  },
);

/** Show the page in a time zone that the service knows. */
async function start() {
  if (zoneNote()) setReportingZone(await askReportingZone().catch(() => "UTC"));
  await renew();
}

async function renew() {
  drawHeader();
  await show();
}

onChange(() => {
  renew();
  scrollTo({ top: 0 });
});
onKey(() => {
  again();
  renew();
});
byId("forget").onclick = () => setKey(null);
listen();
start();
setInterval(() => {
  if (!document.hidden) show();
}, AGAIN_MS);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) show();
});
