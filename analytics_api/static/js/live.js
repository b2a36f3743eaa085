// The stream of /live, read by fetch so that the key can be sent; polls where streams do not pass.
// It pauses while the page is hidden.

import { ask } from "./api.js";
import { fetchWithKey } from "./stored-key.js";

const RETRY_MS = 2000;
const SLOWEST_MS = 30_000;
const POLL_MS = 5000;
const SILENCE_MS = 25_000;
const STREAM_FAILURES = 3;

/** Follow the live feed: *onMessage* gets each message, *state* "live", "waiting" or "away". */
export function follow(onMessage, state) {
  let lastId = null;
  let failures = 0;
  let stop = new AbortController();

  async function run(signal) {
    while (!signal.aborted) {
      try {
        if (failures < STREAM_FAILURES) await stream(signal);
        else await poll(signal);
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        state(error.status === 401 || error.status === 403 ? "waiting" : "away");
      }
      await pause(Math.min(RETRY_MS * 2 ** Math.max(0, failures - 1), SLOWEST_MS), signal);
    }
  }

  async function stream(signal) {
    const more = { Accept: "text/event-stream", ...(lastId ? { "Last-Event-ID": lastId } : {}) };
    const silent = new AbortController();
    const answer = await fetchWithKey("/live", {
      headers: more,
      cache: "no-store",
      signal: AbortSignal.any([signal, silent.signal]),
    });
    if (!answer.ok) throw Object.assign(new Error("refused"), { status: answer.status });
    let timer = 0;
    const heard = () => {
      clearTimeout(timer);
      timer = setTimeout(() => silent.abort(), SILENCE_MS);
    };
    try {
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (heard(); ; heard()) {
        const { value, done } = await reader.read();
        if (done) return;
        const blocks = (text + value).split("\n\n");
        text = blocks.pop();
        blocks.forEach(take);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  function take(block) {
    const facts = {};
    for (const line of block.split("\n")) {
      const [, name, value] = /^([a-z]*): ?(.*)$/.exec(line) ?? [];
      if (name) facts[name] = value;
    }
    if (facts.event === "away") state("away");
    if (facts.event !== "live") return;
    failures = 0;
    lastId = facts.id;
    state("live");
    onMessage(JSON.parse(facts.data));
  }

  async function poll(signal) {
    for (let polls = 0; !signal.aborted && polls < 12; polls += 1) {
      onMessage((await ask("/live")).body);
      state("live");
      await pause(POLL_MS, signal);
    }
    failures = 0; // a minute later, try the stream again
  }

  function wake() {
    stop.abort();
    stop = new AbortController();
    if (!document.hidden) run(stop.signal);
  }

  document.addEventListener("visibilitychange", wake);
  wake();
  return () => {
    failures = 0;
    wake();
  };
}

const pause = (milliseconds, signal) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
