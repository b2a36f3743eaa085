// Sends views, likes, comments and shares of a web page to the ingest service: docs/browser.md.
// Served without comments and indentation, at most 1.5 KB packed.
(() => {
  const script = document.currentScript, options = script.dataset;
  const target = new URL(`events/beacon?key=${options.key}&once=${options.once || ""}`, script.src);
  let storage, timer, sending, told, failures = 0, silentUntil = 0;

  window.engage = () => {};
  if (navigator.doNotTrack == 1 || navigator.globalPrivacyControl || "ignore" in options) return;
  // Storage may be forbidden or full: then the queue lives as long as the page.
  try {
    storage = localStorage;
    storage.engageQueue ||= "";
  } catch {
    storage = {};
  }

  // The server's time, as far as it is known. Its Date header has no fractions.
  const now = () => Date.now() + (+storage.engageSkew || 0);
  const learn = (answer) => {
    const ahead = Date.parse(answer.headers.get("Date")) + 500 - Date.now();
    if (ahead) storage.engageSkew = Math.abs(ahead) > 2e3 ? ahead : 0;
  };

  // One JSON text a line, because numbers would lose digits of 64-bit ids. Each begins with its
  // time; those older than a day are given up.
  const load = () => `${storage.engageQueue}`.split("\n")
    .filter((event) => Date.parse(event.slice(22, 46)) > now() - 864e5);
  const save = (events) => storage.engageQueue = events.slice(-100).join("\n");

  // A UUID of version 7.
  const id = (time) => `0${time.toString(16)}-7xxx-8xxx-xxxxxxxxxxxx`
    .replace(/x/g, () => (crypto.getRandomValues(new Uint8Array(1))[0] & 15).toString(16))
    .replace(/.{8}/, "$&-");

  // Digits are an id of ours, anything else is one of the page's own. Nothing a page gives may
  // break the JSON: the whole queue would be refused with it.
  const named = (name, value) =>
    value ? `,"${name}` + (/^[1-9]\d*$/.test(value) ? '_id":' + value : '":' + JSON.stringify(value)) : "";

  // Stamped once, here: every retry carries the same id and time, and counts once.
  const engage = window.engage = (type, { post = options.post, user = options.user } = {}) => {
    const time = now();
    if (post) {
      save([...load(), `{"engaged_timestamp":"${new Date(time).toISOString()}","event_id":"${id(time)}","type":${JSON.stringify(`${type}`)}${named("post", post)}${named("user", user)}}`]);
      later();
    }
  };

  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(send, Math.max(500, silentUntil - Date.now()));
  };
  const pause = (seconds) => silentUntil = Date.now() + 1e3 * (+seconds || Math.min(300, 2 ** ++failures));

  // What was accepted leaves the queue, and what would only be refused again.
  const send = async () => {
    const events = load();
    if (sending || !events[0]) return;
    sending = 1;
    try {
      const answer = await fetch(target, { method: "POST", body: `[${events}]`, keepalive: true });
      const status = answer.status;
      learn(answer);
      const again = status > 499 || status == 429 ? events : status != 207 ? []
        : (await answer.json()).errors.filter((e) => e.error == "unavailable").map((e) => events[e.index]);
      save(load().filter((event) => again.includes(event) || !events.includes(event)));
      if (again[0]) pause(answer.headers.get("Retry-After"));
      else failures = 0;
    } catch {
      pause();
    }
    sending = 0;
    later();
  };

  // A beacon's answer cannot be seen: its events stay until a fetch sees them accepted.
  const leave = () => {
    const body = `[${load()}]`;
    if (body[2] && body != told) navigator.sendBeacon(target, told = body);
  };

  // One view of each element: in sight for a second, in a page that is.
  const watch = (element) => {
    let inSight, waiting;
    const look = () => {
      clearTimeout(waiting);
      if (inSight && !document.hidden) waiting = setTimeout(() => {
        inSight = observer.disconnect();
        engage("view", { post: element.dataset.engagePost });
      }, 1e3);
    };
    const observer = new IntersectionObserver((entries) => {
      inSight = entries.pop().isIntersecting;
      look();
    });
    observer.observe(element);
    document.addEventListener("visibilitychange", look);
  };

  if (!storage.engageSkew) fetch(script.src, { method: "HEAD", cache: "no-store" }).then(learn, () => {});
  document.addEventListener("click", (event) => {
    const element = event.target.closest("[data-engage]");
    if (element) engage(element.dataset.engage, { post: element.dataset.engagePost });
  }, true);
  document.addEventListener("visibilitychange", () => document.hidden && leave());
  addEventListener("pagehide", leave);
  const marked = document.querySelectorAll("[data-engage-view]");
  (marked[0] ? marked : [document.querySelector("article") || document.body]).forEach(watch);
  send();
})();
