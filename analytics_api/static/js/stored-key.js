// The read key that this browser has.

const NAME = "engage.read_key";
/** Where take-key.js puts the key of a link, which is not checked yet. */
export const FROM_LINK = "engage.key_of_link";

export const key = () => localStorage.getItem(NAME);

export function storeKey(value) {
  if (value) localStorage.setItem(NAME, value);
  else localStorage.removeItem(NAME);
}

/** Request a path with the key and further headers. */
export const fetchWithKey = (path, { headers = {}, ...options } = {}) =>
  fetch(path, { ...options, headers: key() ? { Authorization: `Bearer ${key()}`, ...headers } : headers });
