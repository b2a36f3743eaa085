// What concerns the whole page: no key, no service, no database, no data. Each says what helps.

import { periodProblem } from "./address-texts.js";
import { byId, el, owned, renew, update } from "./dom.js";
import { written } from "./facts.js";
import { key, tryKey } from "./key.js";
import { t } from "./messages.js";
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
    problem && key() && t("notice.key_unused", { problem }),
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
const command = (words) => el("pre", { tabindex: "0", "aria-label": t("page.command") }, words);

const NOTICES = {
  key: (failure) => [
    heading(
      failure.status === 403
        ? t("notice.key_scope")
        : failure.code === "key_expired"
          ? t("notice.key_expired")
          : key()
            ? t("notice.key_unknown")
            : keyProblem
              ? t("notice.key_of_link")
              : t("notice.key_needed"),
    ),
    keyProblem && el("p", { class: "bad" }, keyProblem),
    text(t("notice.key_ask")),
    keyForm(),
    text(t("notice.key_create")),
    command("engage keys create --scope read --label NAME"),
  ],
  period: () => [heading(t("notice.period")), text(periodProblem())],
  away: () => [
    heading(t("notice.away")),
    text(t("notice.away_text")),
    command("engage status"),
  ],
  offline: () => [
    heading(t("notice.offline")),
    text(t("notice.offline_text")),
    command("engage status"),
  ],
  unfilled: () => [
    heading(t("notice.unfilled")),
    text(t("notice.unfilled_text")),
    command("engage status"),
  ],
  often: () => [
    heading(t("notice.often")),
    text(t("notice.often_text")),
  ],
  empty: ({ since }) => [
    heading(t("notice.empty")),
    text(t("notice.empty_text")),
    command('eval "$(engage env)"'),
    command(firstEvent()),
    text(t("notice.empty_more")),
    since && text(t("notice.empty_since", { date: written(since) })),
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
    "aria-label": t("notice.key_label"),
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
    el("button", { class: "primary", type: "submit" }, t("notice.key_use")),
    wrong,
  );
}
