// The read key comes in the address's fragment, which browsers send to nobody. It is kept in this
// browser and taken out of the address, so that a link that is shared does not share the key.

const NAME = "engage.read_key";
const listeners = new Set();

function take() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const given = fragment.get("key");
  if (!given) return false;
  localStorage.setItem(NAME, given);
  fragment.delete("key");
  const rest = fragment.toString();
  history.replaceState(history.state, "", location.pathname + location.search + (rest ? `#${rest}` : ""));
  return true;
}

export const key = () => localStorage.getItem(NAME);
export const onKey = (listener) => listeners.add(listener);

export function setKey(value) {
  if (value) localStorage.setItem(NAME, value);
  else localStorage.removeItem(NAME);
  for (const listener of listeners) listener();
}

take();
addEventListener("hashchange", () => {
  if (take()) for (const listener of listeners) listener();
});
