// The read key, which is kept in this browser. take-key.js takes it out of the address, so that a
// link that is shared does not share the key.

import { t } from "./messages.js";
import { FROM_LINK, key, storeKey } from "./stored-key.js";

export { key };

const CHECKED_BY = "/sql/versions";
const listeners = new Set();

export const onKey = (listener) => listeners.add(listener);

/** Keep a key; null forgets it. */
export function setKey(value) {
  storeKey(value);
  for (const listener of listeners) listener();
}

/** The key in a text, such as a whole address that was pasted; "" if there is none. */
const keyIn = (text) => /eng_\w+/.exec(text)?.[0] ?? "";

/** What is wrong with a key; "" if it can read reports. */
async function problemOf(value) {
  if (!keyIn(value)) return t("key.malformed");
  const headers = { Authorization: `Bearer ${keyIn(value)}` };
  const answer = await fetch(CHECKED_BY, { headers, cache: "no-store" }).catch(() => null);
  if (!answer) return t("key.unreachable");
  if (answer.status === 401) {
    const { code } = await answer.json().catch(() => ({}));
    return code === "key_expired" ? t("key.expired") : t("key.unknown");
  }
  if (answer.status === 403) return t("key.scope");
  return answer.ok ? "" : t("key.unchecked", { status: `${answer.status}` });
}

/** Use a key if it can read reports. Returns what is wrong with it, or "". The one before stays if it cannot. */
export async function tryKey(text) {
  const problem = await problemOf(text);
  if (!problem) setKey(keyIn(text));
  return problem;
}

/** Use the key of the link that was opened. Returns what is wrong with it, or "". */
export async function tryKeyOfLink() {
  const given = sessionStorage.getItem(FROM_LINK);
  sessionStorage.removeItem(FROM_LINK);
  return given && keyIn(given) !== key() ? tryKey(given) : "";
}
