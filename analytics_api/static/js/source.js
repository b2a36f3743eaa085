// Where a number comes from: the SQL that found it, and the same rows as JSON or CSV.

import { askText } from "./api.js";
import { byId, el, put } from "./dom.js";

function dialog(title, ...content) {
  byId("dialog")?.remove();
  const close = () => found.close();
  const found = el(
    "dialog",
    { id: "dialog", "aria-labelledby": "dialog-title", onclose: () => found.remove() },
    el(
      "header",
      {},
      el("h2", { id: "dialog-title" }, title),
      el("button", { class: "plain push", type: "button", onclick: close }, "Close"),
    ),
    ...content,
  );
  document.body.append(found);
  found.showModal();
  return found;
}

/**
 * Show how a report is computed. *sql*: names of its files; *formula*: what is computed from their
 * rows, nothing where they are told as they are; *path*: where the API answers it.
 */
export async function showSource({ title, sql: names, formula, path }) {
  const body = el("div", {}, el("p", { class: "quiet" }, "loading…"));
  dialog(`How “${title}” is computed`, body);
  const parts = await Promise.all(
    names.map(async (name) => {
      try {
        return [name, await askText(`/sql/${name}`)];
      } catch (error) {
        return [name, `-- ${error.message}`];
      }
    }),
  );
  put(
    body,
    el(
      "p",
      { class: "quiet small" },
      "One question, one file, which plain psql runs as well; its head says what each parameter means. ",
      formula
        ? "From the rows, by the formulas of docs/metrics.md:"
        : "Its rows are told as they are.",
    ),
    formula ? el("p", { class: "formula" }, formula) : null,
    ...parts.flatMap(([name, text]) => [
      el("h3", {}, `sql/${name}.sql`),
      el("pre", { tabindex: "0", "aria-label": `sql/${name}.sql` }, text),
      el("pre", { tabindex: "0", "aria-label": `psql, ${name}` }, psql(name, text, path)),
    ]),
    el("h3", {}, "Ask for it yourself"),
    el(
      "pre",
      { tabindex: "0", "aria-label": "command" },
      `curl -H "Authorization: Bearer $READ_KEY" \\\n  '${location.origin}${path}'`,
    ),
  );
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** The command that runs a file; what the path says is filled in. */
function psql(name, text, path) {
  const given = new URLSearchParams(path.split("?")[1]);
  const known = {
    zone: given.get("tz"),
    types: given.get("type") ? `{${given.get("type")}}` : "{view,like,comment,share}",
    category: given.get("category") ?? "",
    author: given.get("author") ?? "0",
    tag: given.get("tag") ?? "",
  };
  const parameters = [...text.matchAll(/^-- :(\w+)/gm)].map(
    ([, parameter]) => `-v ${parameter}=${quoted(known[parameter] ?? given.get(parameter) ?? "…")}`,
  );
  return ["psql", ...parameters, `-f sql/${name}.sql`].join(" ");
}

/** Save a report as a file. */
export async function save(path, format) {
  const separator = path.includes("?") ? "&" : "?";
  const text = await askText(`${path}${separator}format=${format}`);
  download(
    text,
    `${path.split("?")[0].split("/").slice(-2).join("-").replace(/^-/, "")}.${format}`,
    format === "csv" ? "text/csv" : "application/json",
  );
}

/** Hand a text to the browser as a download. */
export function download(text, name, type) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  el("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export { dialog };
