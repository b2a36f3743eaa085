// The page asks the read API again and again, with the ETag of what it has: while nothing
// changed the answer is an empty 304. The key comes in the URL's fragment, which browsers
// keep to themselves, and goes out as a header.

const POLL_MS = 2000;
const SLOW_POLL_MS = 10000;
const HOURS = [...Array(24).keys()];
const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const SHADES = 6;

const element = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en");
const decimal = new Intl.NumberFormat("en", { maximumFractionDigits: 2, minimumFractionDigits: 2 });
const known = new Map();

function key() {
  const given = new URLSearchParams(location.hash.slice(1)).get("key");
  if (given) sessionStorage.setItem("key", given);
  return given ?? sessionStorage.getItem("key");
}

class Failure extends Error {
  constructor(status, problem) {
    super(problem?.detail ?? "no answer");
    this.status = status;
  }
}

/** Return the report at *path* and when its data was true. Throws Failure. */
async function ask(path) {
  const before = known.get(path);
  const headers = {};
  if (key()) headers.Authorization = `Bearer ${key()}`;
  if (before) headers["If-None-Match"] = before.etag;
  let answer;
  try {
    answer = await fetch(path, { headers, cache: "no-store" });
  } catch {
    throw new Failure(0);
  }
  const asOf = new Date(answer.headers.get("Data-As-Of") ?? 0);
  if (answer.status === 304) return { ...before, asOf };
  const body = await answer.json().catch(() => null);
  if (!answer.ok) throw new Failure(answer.status, body);
  const found = { body, asOf, etag: answer.headers.get("ETag") };
  known.set(path, found);
  return found;
}

function row(cells) {
  const line = document.createElement("tr");
  for (const [content, kind] of cells) {
    const cell = document.createElement("td");
    if (kind) cell.className = kind;
    cell.append(content);
    line.append(cell);
  }
  return line;
}

function share(value, most) {
  const bar = document.createElement("meter");
  bar.max = most || 1;
  bar.value = value;
  bar.title = number.format(value);
  return bar;
}

function showLedger({ body, asOf }) {
  const { totals } = body;
  element("stored").textContent = number.format(totals.stored + totals.replayed);
  element("in-flight").textContent = totals.in_flight === null ? "?" : number.format(totals.in_flight);
  element("duplicates").textContent = number.format(totals.duplicates);
  const balanced = element("balanced");
  balanced.textContent = body.balanced ? "balanced" : "off";
  balanced.className = `figure ${body.balanced ? "good" : "bad"}`;
  element("balanced-text").textContent = body.balanced
    ? "every record is accounted for"
    : "run `engage db verify` to see what differs";
  element("partitions").replaceChildren(...body.partitions.map((p) => row([
    [p.partition, "number"],
    [number.format(p.next_offset - p.first_offset), "number"],
    [number.format(p.stored), "number"],
    [number.format(p.duplicates), "number"],
    [number.format(p.dead_lettered), "number"],
    [number.format(p.skipped), "number"],
    [p.in_flight === null ? "?" : number.format(p.in_flight), "number"],
    [p.halt_reason ? `halted: ${p.halt_reason}` : "reading", ""],
  ])));
  showFreshness(asOf);
}

function showFreshness(asOf) {
  const seconds = Math.max(0, Math.round((Date.now() - asOf) / 1000));
  const age = seconds < 3 ? "up to date" : seconds < 120 ? `as of ${seconds} s ago` : `as of ${asOf.toLocaleString()}`;
  element("freshness").textContent = age;
}

function showCategories({ body }, metric) {
  const value = (c) => (metric === "posts" ? c.total_posts : c.total_engagements);
  const most = Math.max(...body.map(value), 0);
  element("no-categories").hidden = body.length > 0;
  element("categories").replaceChildren(...body.map((c) => row([
    [c.category, ""],
    [share(value(c), most), ""],
    [number.format(c.total_engagements), "number"],
    [number.format(c.total_posts), "number"],
    [decimal.format(c.avg_engagement_per_post), "number"],
    [c.top_author, ""],
  ])));
}

function showOpportunities({ body }) {
  const first = body.filter((a) => a.opportunity_score > 0).slice(0, 5);
  element("no-opportunities").hidden = first.length > 0;
  element("opportunities").replaceChildren(...first.map((a) => row([
    [a.author_name, ""],
    [a.category, ""],
    [number.format(a.total_posts), "number"],
    [decimal.format(a.avg_engagement_per_post), "number"],
    [decimal.format(a.category_median), "number"],
    [`+${number.format(a.opportunity_score)}`, "number"],
  ])));
}

/** Shades are by rank, so that one extreme hour does not pale all others. */
function showHeat({ body }) {
  const ranked = body.map((c) => c.total_engagements).sort((a, b) => a - b);
  const cells = new Map(body.map((c) => [`${c.day_of_week}:${c.hour_of_day}`, c]));
  const head = document.createElement("thead");
  const hours = document.createElement("tr");
  hours.append(document.createElement("th"), ...HOURS.map((hour) => {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = hour;
    return cell;
  }));
  head.append(hours);
  const rows = document.createElement("tbody");
  for (const [day, name] of DAYS.entries()) {
    const line = document.createElement("tr");
    const label = document.createElement("th");
    label.scope = "row";
    label.textContent = name;
    line.append(label);
    for (const hour of HOURS) {
      const found = cells.get(`${day}:${hour}`);
      const cell = document.createElement("td");
      const total = found?.total_engagements ?? 0;
      const rank = ranked.filter((other) => other < total).length / (ranked.length || 1);
      cell.className = `h${total ? Math.floor(rank * SHADES) : 0}`;
      cell.title = `${name} ${hour}:00, ${number.format(total)} engagements`;
      line.append(cell);
    }
    rows.append(line);
  }
  element("heat").replaceChildren(head, rows);
}

async function showPost() {
  const id = element("post-id").value.trim();
  const title = element("post-title");
  try {
    const { body } = await ask(`/engagement/${encodeURIComponent(id)}?period=${element("period").value}`);
    title.textContent = `${body.title}, by ${body.author_name} in ${body.category}, ${new Date(body.publish_date).toLocaleDateString()}`;
    const facts = [
      ["Views", number.format(body.views)], ["Likes", number.format(body.likes)],
      ["Comments", number.format(body.comments)], ["Shares", number.format(body.shares)],
      ["Engagements", number.format(body.total_engagements)], ["Rate", `${decimal.format(body.engagement_rate)} %`],
    ];
    element("post").replaceChildren(...facts.map(([name, value]) => {
      const fact = document.createElement("div");
      const term = document.createElement("dt");
      const figure = document.createElement("dd");
      term.textContent = name;
      figure.textContent = value;
      fact.append(term, figure);
      return fact;
    }));
  } catch (failure) {
    if (failure.status !== 404 && failure.status !== 422) throw failure;
    title.textContent = failure.status === 404 ? `There is no post ${id} in the catalogue.` : "A post's id is a whole number.";
    element("post").replaceChildren();
  }
}

function notice(failure) {
  const texts = {
    0: ["The read API does not answer", "The page tries again by itself. Is the stack running?", "engage status"],
    401: ["A key is needed", "Open the page by the address that `engage up` printed: it ends in #key=eng_read_…", "engage status"],
    403: ["This key is not for reading", "The page needs a key of scope read.", "engage keys create --scope read"],
    503: ["PostgreSQL does not answer", "The page tries again by itself.", "engage status"],
  };
  const [title, text, command] = texts[failure.status] ?? ["Something went wrong", failure.message, "engage doctor"];
  element("notice-title").textContent = title;
  element("notice-text").textContent = text;
  element("notice-command").textContent = command;
  element("notice").hidden = false;
  element("freshness").textContent = "not connected";
}

async function guarded(steps) {
  try {
    await steps();
    element("notice").hidden = true;
    document.querySelector("main").hidden = false;
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure;
    notice(failure);
  }
}

const chosenMetric = () => document.querySelector("input[name=metric]:checked").value;

async function live() {
  showLedger(await ask("/ops/ledger"));
  showCategories(await ask(`/categories/top?metric=${chosenMetric()}`), chosenMetric());
  await showPost();
}

async function slow() {
  showOpportunities(await ask("/analytics/opportunity-authors"));
  showHeat(await ask("/analytics/engagement-patterns"));
}

async function repeat(steps, pause) {
  await guarded(steps);
  setTimeout(() => repeat(steps, pause), pause);
}

element("metric").addEventListener("change", () => guarded(live));
element("lookup").addEventListener("submit", (event) => {
  event.preventDefault();
  guarded(showPost);
});
repeat(live, POLL_MS);
repeat(slow, SLOW_POLL_MS);
