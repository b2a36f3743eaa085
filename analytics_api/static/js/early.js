// Requests the totals while the other scripts are still loading. api.js takes the response.

import { current, totalsPath } from "./address.js";
import { FROM_LINK, fetchWithKey } from "./stored-key.js";

const TIMEOUT_MS = 15_000;

const { post, start } = current();
const isLeaving = "leaving" in document.documentElement.dataset;
if (!post && !start && !isLeaving && !sessionStorage.getItem(FROM_LINK)) {
  const path = totalsPath();
  const response = fetchWithKey(path, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  response.catch(() => {});
  globalThis.early = { path, response };
}
