// The read key, which is kept in this browser. take-key.js takes it out of the address, so that a
// link that is shared does not share the key.

const NAME = "engage.read_key";
const listeners = new Set();

export const key = () => localStorage.getItem(NAME);
export const onKey = (listener) => listeners.add(listener);

/** Keep a key, also of a whole address that was pasted; null forgets it. */
export function setKey(value) {
  if (value) localStorage.setItem(NAME, /eng_\w+/.exec(value)?.[0] ?? value);
  else localStorage.removeItem(NAME);
  for (const listener of listeners) listener();
}
