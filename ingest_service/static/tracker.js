// Counts views, likes, comments and shares of a web page: docs/browser.md.
// Served minified, at most 2 KB gzipped: run `make tracker` after a change.
(() => {
  const trackers = window.engageTrackers ||= {};
  const current = document.currentScript;
  const whenActive = (action) => document.prerendering
    ? document.addEventListener("prerenderingchange", action, { once: true })
    : action();

  const track = (script) => {
    const options = script.dataset, isSinglePage = "spa" in options;
    const service = new URL(`events/beacon?key=${options.key || ""}`, script.src).href;
    const target = `${service}&once=${options.once || ""}`;
    if (trackers[service] || "ignore" in options) return;

    // Where storage is forbidden or full, events live as long as the page.
    let storage = {};
    try {
      storage = localStorage || storage;
    } catch {}
    const store = (key, value) => {
      try {
        storage[key] = value;
      } catch {
        storage = { [key]: value };
      }
    };

    // The server's time. A cached Date is too old, never too new: the estimate only rises, unless
    // the service itself refused an event as one of the future.
    let skew = 0;
    const now = () => Date.now() + skew;
    const learn = ({ headers }, isInFuture = 0) => {
      const ahead = Date.parse(headers.get("Date")) - Date.now() + (isInFuture && 1e3 * headers.get("Age"));
      if (ahead > skew || isInFuture) skew = ahead || 0;
      store(service, skew);
    };

    // An item for each event, so that tabs never overwrite each other's. Its key ends with the
    // event's id, and that begins with its time: keys sort by it. At most 100, for a day.
    let timer, isSending, hasWarned, most = 100, failures = 0;
    const skipped = [];
    const keyOf = (time) => `${service}0${time.toString(16)}`.replace(/.{4}$/, "-$&");
    const load = () => Object.keys(storage)
      .filter((key) => key.startsWith(`${service}0`))
      .sort()
      .filter((key, index, { length }) => index >= length - 100 && key > keyOf(now() - 864e5)
        ? !skipped.includes(key)
        : !delete storage[key]);
    const add = (time, fields) => {
      const random = "-7xxx-8xxx-xxxxxxxxxxxx"
        .replace(/x/g, () => (crypto.getRandomValues(new Uint8Array(1))[0] & 15).toString(16));
      store(keyOf(time) + random, fields);
      if (!isSending) timer ||= setTimeout(send, 500);
    };

    // The oldest events, in at most 48 KB: browsers take 64 KiB of beacons at a time.
    const piece = (keys, size = 0) => keys.slice(0, most)
      .filter((key, index) => (size += storage[key].length + 53) < 16e3 || !index);
    const bodyOf = (keys) => `[${keys.map((key) => `{"event_id":"${key.slice(-36)}"${storage[key]}}`)}]`;

    const send = async () => {
      const keys = piece(load());
      timer = clearTimeout(timer);
      if (isSending || !keys[0]) return;
      isSending = 1;
      let seconds = Math.min(300, 2 ** ++failures);
      try {
        const response = await fetch(target, { method: "POST", body: bodyOf(keys) });
        const reply = await response.json().catch(() => 0);
        seconds = settle(keys, response, reply) ? 0.5 : +response.headers.get("Retry-After") || seconds;
      } catch {}
      isSending = 0;
      timer = setTimeout(send, 1e3 * seconds);
    };

    // Returns whether to go on. An event leaves the queue once it is accepted, or refused itself.
    const settle = (keys, response, { code, errors = [] }) => {
      const status = response.status, isGood = /20[27]/.test(status), before = skew, outcomes = {};
      errors.forEach(({ index, error }) => outcomes[index] = error);
      const settled = keys.filter((key, index) => {
        const outcome = outcomes[index], isInFuture = outcome == "timestamp_in_future";
        learn(response, isInFuture);
        if (outcome ? outcome == "unavailable" : !isGood) return;
        // Refused for the reader's clock, now corrected: never stored, so it may get another time.
        if (isInFuture && skew < before) add(parseInt(key.slice(-36, -23).replace("-", ""), 16) + skew - before, storage[key]);
        return delete storage[key];
      });
      if (/^4.[^9]/.test(status)) hasWarned ||= !console.warn("engage:", status, code);
      if (settled[0]) {
        failures = 0;
        most *= 2;
      } else if (/400|413/.test(status)) {
        // The body was refused as a whole: halve it, down to the event that is wrong.
        if (keys[1]) return most = keys.length >> 1;
        skipped.push(keys[0]);
      }
      return !keys[settled.length];
    };

    // The reply to a beacon cannot be seen: its events stay until a fetch sees them accepted.
    const leave = () => {
      let keys = load(), part;
      while ((part = piece(keys))[0] && navigator.sendBeacon(target, bodyOf(part))) keys = keys.slice(part.length);
    };

    // In a single-page app the tag's post is that of the first route.
    const home = location.pathname;
    const pagePost = () => {
      if (options.spa == "path") return location.pathname;
      return isSinglePage && location.pathname != home ? "" : options.post;
    };
    const postOf = (element) =>
      element.closest("[data-engage-post]")?.dataset.engagePost || pagePost();

    // Digits are a post_id, other text is an external ID. Half a surrogate pair is not valid text.
    const field = (name, value) => value
      ? `,"${name}` + (/^[1-9]\d{0,18}$/.test(value) ? `_id":${value}` : `":${JSON.stringify(`${value}`.replace(/\p{Cs}/gu, "\ufffd"))}`)
      : "";
    // Every retry carries the same id, and with it the same time, and counts once.
    const engage = trackers[service] = (type, { post = pagePost(), user = options.user } = {}) => {
      if (post) add(now(), field("type", type) + field("post", post) + field("user", user));
    };

    // One view of a post on each page or route, once an element of it was in sight for a second.
    let fallback, scanning, path, watched = new Map();
    const counted = new Set();
    const observer = new IntersectionObserver((entries) => {
      entries.forEach(({ target, isIntersecting }) => (watched.get(target) || {}).inSight = isIntersecting);
      look();
    });
    const look = () => watched.forEach((state, element) => {
      const post = postOf(element);
      // What is left of the route before does not count again.
      if (post != state.seen) state.seen = 0;
      const due = state.inSight && !document.hidden && !state.seen && !counted.has(post) && post;
      if (due == state.due) return;
      clearTimeout(state.timer);
      if (state.due = due) state.timer = setTimeout(() => {
        if (watched.get(element) != state) return;
        if (!counted.has(due)) engage("view", { post: due });
        counted.add(state.seen = due);
      }, 1e3);
    });
    const scan = () => {
      scanning = 0;
      if (document.readyState == "loading") return scanSoon();
      if (path != (path = location.pathname) && isSinglePage) counted.clear();
      const marked = document.querySelectorAll("[data-engage-view]"), former = watched;
      if (isSinglePage || !fallback) fallback = marked[0] ? [] : [document.querySelector("article") || document.body];
      watched = new Map();
      [...marked, ...fallback].forEach((element) => {
        watched.set(element, former.get(element) || {});
        if (!former.has(element)) {
          observer.unobserve(element);
          observer.observe(element);
        }
      });
      look();
    };
    const scanSoon = () => scanning ||= setTimeout(scan, 100);

    storage[service] == 0 || fetch(script.src, { method: "HEAD", cache: "no-store" }).then(learn, () => 0);
    addEventListener("click", ({ target }) => {
      const element = target.closest("[data-engage]");
      if (element) engage(element.dataset.engage, { post: postOf(element) });
    }, true);
    addEventListener("visibilitychange", () => {
      look();
      if (document.hidden) leave();
    });
    addEventListener("online", send);
    // Back from the back/forward cache is a new view, as it is in browsers without one.
    addEventListener("pageshow", ({ persisted }) => {
      if (persisted) {
        counted.clear();
        watched.clear();
        scan();
      }
    });
    window.navigation?.addEventListener("currententrychange", scanSoon);
    new MutationObserver(scanSoon).observe(document, { subtree: true, childList: true, attributeFilter: ["data-engage-view", "data-engage-post"] });
    scan();
    send();
  };

  window.engage = (...event) => whenActive(() => Object.values(trackers).forEach((engage) => engage(...event)));
  if (navigator.doNotTrack == 1 || navigator.globalPrivacyControl) return;
  // Modules have no currentScript.
  const scripts = current?.src ? [current] : document.querySelectorAll('script[data-key][src*="tracker.js"]');
  if (!scripts[0]) console.warn("engage: no script with data-key");
  whenActive(() => scripts.forEach(track));
})();
