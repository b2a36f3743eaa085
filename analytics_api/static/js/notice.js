// What concerns the whole page: no key, no service, no database, no data. Each says what helps.

import { periodProblem } from "./address.js";
import { byId, el, owned, renew, update } from "./dom.js";
import { written } from "./facts.js";
import { key, tryKey } from "./key.js";
import { unknownPosts } from "./panels/pipeline.js";

let shown = "";
let keyProblem = "";

/** Show the notice for a failure, or none. */
export function notice(failure) {
  const kind = failure ? kindOf(failure) : "";
  document.body.classList.toggle("stale", kind === "away" || kind === "offline");
  byId("forget").hidden = !key();
  byId("parts").hidden = kind === "key" || kind === "period";
  if (kind === "period") shown = "";
  if (kind === shown) return;
  shown = kind;
  byId("notice").hidden = !kind;
  renew(byId("notice"), ...(kind ? NOTICES[kind](failure) : []));
}

/** Say what is wrong with the key of a link, while the page goes on with the one it has. */
export function noticeKey(problem) {
  keyProblem = problem;
  update(
    byId("key-notice"),
    problem && key() && `The key of this link is not used. ${problem} You see the page with the key that this browser already had.`,
  );
  byId("key-notice").hidden = !problem || !key();
}

function kindOf(failure) {
  if (failure.kind) return failure.kind;
  if (failure.status === 401 || failure.status === 403) return "key";
  if (failure.isSlow) return "";
  if (failure.status === 503) return failure.code === "stats_view_empty" ? "unfilled" : "away";
  if (failure.status === 0) return "offline";
  return failure.status === 429 ? "often" : "";
}

const heading = (text) => el("h2", {}, text);
/** A sentence; the parts between backticks are commands. */
const text = (words) =>
  el(
    "p",
    {},
    words.split("`").map((part, place) => (place % 2 ? el("code", {}, part) : part)),
  );
const command = (words) => el("pre", { tabindex: "0", "aria-label": "command" }, words);

const NOTICES = {
  key: (failure) => [
    heading(
      failure.status === 403
        ? "This key may not read reports"
        : key()
          ? "This key is not known"
          : keyProblem
            ? "The key of this link does not work"
            : "A read key is needed",
    ),
    keyProblem && el("p", { class: "bad" }, keyProblem),
    text(
      "Ask the person who runs this service for a link to the dashboard: the key is its end, after #key=. Or paste a link or a read key here; it stays in this browser.",
    ),
    keyForm(),
    text("If you run the service, `engage up` and `engage demo` print such a link. To create a key for a colleague:"),
    command("engage keys create --scope read --label NAME"),
  ],
  period: () => [heading("This period cannot be shown"), text(periodProblem())],
  away: () => [
    heading("The database does not answer"),
    text(
      "What you see is the last answer. The page asks again by itself; events go on being accepted meanwhile and wait in Kafka.",
    ),
    command("engage status"),
  ],
  offline: () => [
    heading("The service cannot be reached"),
    text("It may be restarting, or your connection is gone. The page asks again by itself."),
    command("engage status"),
  ],
  unfilled: () => [
    heading("The reports are being computed for the first time"),
    text("This takes a few seconds after a start. If it stays, the refresher does not run."),
    command("engage status"),
  ],
  often: () => [
    heading("Too many requests"),
    text("This key or address exceeded its rate limit. The page retries more slowly."),
  ],
  empty: ({ since }) => [
    heading("No engagement yet"),
    text("Create a post and send its first event. Set the keys in your shell, in the folder where the stack runs:"),
    command('eval "$(engage env)"'),
    command(firstEvent()),
    text(
      "The event shows above within a second. Or import your catalogue with `engage import catalogue --help`, or see the page with sample data by `engage demo`.",
    ),
    since &&
      text(
        `Events are recorded since ${written(since)}, but of no post that the catalogue knows: \`engage db orphans\` lists their posts.`,
      ),
    unknown,
  ],
};

const unknown = owned(el("p", { class: "bad", id: "unknown-posts", role: "status" }));

/** Say in the notice how many events have come whose posts are not in the catalogue. */
export const noticeLive = (live) => update(unknown, unknownPosts(live));

const put = (path, content) =>
  `curl -X PUT ${service("catalogue")}/catalogue/${path} \\\n  -H "Authorization: Bearer $ENGAGE_ADMIN_KEY" -H "Content-Type: application/json" \\\n  -d '${JSON.stringify(content)}'`;

/** The address of a service of this stack; where the page does not know it, the variable that has it. */
const service = (name) => document.documentElement.dataset[name] || `$ENGAGE_${name.toUpperCase()}_URL`;

function firstEvent() {
  const now = new Date().toISOString().replace(/\.\d+/, "");
  const author = { name: "Ann Lee", author_category: "Tech", joined_date: now.slice(0, 10) };
  const post = { author: "ann", category: "Tech", title: "Hello, world", publish_timestamp: now };
  const event = { post: "hello-world", type: "view" };
  return [
    put("authors/ann", author),
    put("posts/hello-world", post),
    `curl -X POST ${service("ingest")}/events \\\n  -H "Authorization: Bearer $ENGAGE_INGEST_KEY" -H "Content-Type: application/json" \\\n  -d '${JSON.stringify(event)}'`,
  ].join("\n");
}

function keyForm() {
  const wrong = el("p", { class: "bad", id: "key-problem", role: "alert" });
  const input = el("input", {
    type: "password",
    id: "key",
    autocomplete: "off",
    placeholder: "eng_read_…",
    "aria-label": "Read key",
  });
  return el(
    "form",
    {
      onsubmit: (event) => {
        event.preventDefault();
        tryKey(input.value).then((problem) => update(wrong, problem));
      },
    },
    input,
    el("button", { class: "primary", type: "submit" }, "Use this key"),
    wrong,
  );
}
