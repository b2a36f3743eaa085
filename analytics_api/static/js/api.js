// Requests to the read API. The browser's cache sends ETags, and no request within max-age.

import { isKnown, t } from "./messages.js";
import { fetchWithKey } from "./stored-key.js";

const TIMEOUT_MS = 15_000;
const KEPT = 200;
const known = new Map();
const asked = new Map();

const SLOW = new Set(["client_timeout", "report_timeout", "report_pending", "reports_busy"]);

/** Why a request failed. Status 0: the service could not be reached. */
export class Failure extends Error {
  constructor(status, problem, retryAfterSeconds = 0) {
    super(problem?.detail ?? "unreachable");
    this.status = status;
    this.code = problem?.code ?? "unreachable";
    this.retryAfterSeconds = retryAfterSeconds;
  }

  /** Why, as a sentence in the page's language: the service explains itself in English only. */
  get reason() {
    const known = `problem.${this.code}`;
    return isKnown(known) ? t(known) : t("problem.other", { code: this.code });
  }

  /** Whether the report takes too long, while the service and its database answer. */
  get isSlow() {
    return SLOW.has(this.code);
  }
}

/** Put a path and a query together. */
export const at = (path, query) => (query && `${query}` ? `${path}?${query}` : path);

/** The response that early.js has requested; undefined: it was another one. */
function takeEarly(path) {
  const { early } = globalThis;
  globalThis.early = undefined;
  return early?.path === path ? early.response : undefined;
}

async function request(path) {
  let answer;
  try {
    answer = await (takeEarly(path) ?? fetchWithKey(path, { signal: AbortSignal.timeout(TIMEOUT_MS) }));
  } catch (error) {
    const late = error.name === "TimeoutError";
    throw new Failure(0, late ? { code: "client_timeout" } : null);
  }
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => null);
  throw new Failure(answer.status, problem, Number(answer.headers.get("Retry-After") ?? 0));
}

let generation = 0;

/** Request reports again when they are next needed, as their data may have changed. */
export const outdate = () => {
  generation += 1;
};

/**
 * Return `{ body, asOf, next }`: the report, when it was true, the next page's path. While nothing
 * changed, *body* is the very same object. Parts that need the same report share a request. Throws Failure.
 */
export async function ask(path) {
  const before = known.get(path);
  if (before?.generation === generation) return before;
  if (!asked.has(path)) asked.set(path, load(path).finally(() => asked.delete(path)));
  return asked.get(path);
}

async function load(path) {
  const began = generation;
  const answer = await request(path);
  const etag = answer.headers.get("ETag");
  const asOf = new Date(answer.headers.get("Data-As-Of") ?? Date.now());
  const before = known.get(path);
  if (before && before.etag === etag) return Object.assign(before, { asOf, generation: began });
  const next = /<([^>]+)>; rel="next"/.exec(answer.headers.get("Link") ?? "")?.[1] ?? null;
  const found = { body: await answer.json(), asOf, next, etag, generation: began };
  known.delete(path);
  known.set(path, found);
  if (known.size > KEPT) known.delete(known.keys().next().value);
  return found;
}

/** A function that puts reports together: while none of them changes, it returns the very same object. */
export function combiner() {
  let kept = {};
  return (reports) => {
    if (Object.keys(reports).some((name) => kept[name] !== reports[name])) kept = reports;
    return kept;
  };
}

/** Return an answer as text, such as the SQL of a report or its CSV. Throws Failure. */
export const askText = async (path) => (await request(path)).text();
