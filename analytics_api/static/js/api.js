// Asking the read API. The browser's own cache asks with ETags, and as seldom as each answer allows.

import { key } from "./key.js";

const PATIENCE_MS = 15_000;
const KEPT = 200;
const known = new Map();

/** Why there is no answer. Status 0: the service could not be reached. */
export class Failure extends Error {
  constructor(status, problem, retryAfterSeconds = 0) {
    super(problem?.detail ?? "the service does not answer");
    this.status = status;
    this.code = problem?.code ?? "unreachable";
    this.retryAfterSeconds = retryAfterSeconds;
  }

  /** Whether the answer would have come, later. */
  get isSlow() {
    return this.code === "late" || (this.status === 503 && this.message.endsWith("in time"));
  }
}

export const headers = (more = {}) => (key() ? { Authorization: `Bearer ${key()}`, ...more } : more);

/** Put a path and a query together. */
export const at = (path, query) => (query && `${query}` ? `${path}?${query}` : path);

async function request(path) {
  let answer;
  try {
    answer = await fetch(path, { headers: headers(), signal: AbortSignal.timeout(PATIENCE_MS) });
  } catch (error) {
    const late = error.name === "TimeoutError";
    throw new Failure(0, late ? { code: "late", detail: `no answer within ${PATIENCE_MS / 1000} s` } : null);
  }
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => null);
  throw new Failure(answer.status, problem, Number(answer.headers.get("Retry-After") ?? 0));
}

/**
 * Return `{ body, asOf, next }`: the report, when it was true, the next page's path. While nothing
 * changed, *body* is the very same object. Throws Failure.
 */
export async function ask(path) {
  const answer = await request(path);
  const etag = answer.headers.get("ETag");
  const asOf = new Date(answer.headers.get("Data-As-Of") ?? Date.now());
  const before = known.get(path);
  if (before && before.etag === etag) return { ...before, asOf };
  const next = /<([^>]+)>; rel="next"/.exec(answer.headers.get("Link") ?? "")?.[1] ?? null;
  const found = { body: await answer.json(), asOf, next, etag };
  known.delete(path);
  known.set(path, found);
  if (known.size > KEPT) known.delete(known.keys().next().value);
  return found;
}

/** Return an answer as text, such as the SQL of a report or its CSV. Throws Failure. */
export const askText = async (path) => (await request(path)).text();
