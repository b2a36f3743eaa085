// What concerns the whole page: no key, no service, no database, no data. Each says what helps.

import { byId, el, put } from "./dom.js";
import { key, setKey } from "./key.js";

let shown = "";

/** Show the notice for a failure, or none. */
export function notice(failure) {
  const kind = failure ? kindOf(failure) : "";
  document.body.classList.toggle("stale", kind === "away" || kind === "offline");
  byId("forget").hidden = !key();
  byId("parts").hidden = kind === "key";
  if (kind === shown) return;
  shown = kind;
  byId("notice").hidden = !kind;
  put(byId("notice"), ...(kind ? NOTICES[kind](failure) : []));
}

function kindOf(failure) {
  if (failure === "empty") return "empty";
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
          : "A read key is needed",
    ),
    text(
      "Open the address that `engage up` or `engage demo` printed: the key is in its end, after #key=. Or paste a read key here; it stays in this browser.",
    ),
    keyForm(),
    command("engage keys create --scope read --label dashboard"),
  ],
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
  empty: () => [
    heading("No engagement yet"),
    text("Send the first event, or import your catalogue and past events; or see the page with a sample:"),
    command(
      `curl -X POST http://127.0.0.1:8000/events -H "Authorization: Bearer $INGEST_KEY" \\\n  -H "Content-Type: application/json" -d '{"post_id": 1, "type": "view"}'\n\nengage import catalogue --help\nengage demo`,
    ),
  ],
};

function keyForm() {
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
        setKey(input.value.trim());
      },
    },
    input,
    el("button", { class: "primary", type: "submit" }, "Use this key"),
  );
}
