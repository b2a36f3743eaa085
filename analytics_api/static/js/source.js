// Where a number comes from: the SQL that found it, and the same rows as JSON or CSV.

import { askText } from "./api.js";
import { byId, el, update } from "./dom.js";
import { t } from "./messages.js";

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
      el("button", { class: "plain push", type: "button", onclick: close }, t("page.close")),
    ),
    ...content,
  );
  document.body.append(found);
  found.showModal();
  return found;
}

/**
 * Show how a report is computed. *sql*: names of its files; *formula*: what is computed from their
 * rows, nothing where they are shown unchanged; *path*: where the API answers it.
 */
export async function showSource({ title, sql: names, formula, path }) {
  const body = el("div", {}, el("p", { class: "quiet" }, t("page.loading")));
  dialog(t("source.title", { panel: title }), body);
  const parts = await Promise.all(
    names.map(async (name) => {
      try {
        return [name, await askText(`/sql/${name}`)];
      } catch (error) {
        return [name, `-- ${error.reason}`];
      }
    }),
  );
  update(
    body,
    el(
      "p",
      { class: "quiet small" },
      `${t("source.files")} ${formula ? t("source.formula") : t("source.unchanged")}`,
    ),
    formula ? el("p", { class: "formula" }, formula) : null,
    ...parts.flatMap(([name, text]) => [
      el("h3", {}, `sql/${name}.sql`),
      el("pre", { tabindex: "0", "aria-label": `sql/${name}.sql` }, text),
    ]),
    el("h3", {}, t("source.request")),
    command(curl(path)),
    ...(SCRIPTED.test(path) ? again(path) : []),
  );
}

/** How plain psql finds the same rows in the tables of raw events and what is kept of them. */
const again = (path) => [
  el("h3", {}, t("source.compute")),
  el("p", { class: "quiet small" }, t("source.where")),
  command(`${curl(formatted(path, "sql"))} |\n  psql "$ENGAGE_DATABASE_URL"`),
  el(
    "button",
    { class: "plain", type: "button", onclick: () => save(path, "sql") },
    t("source.save"),
  ),
];

const SCRIPTED = /^\/(reports|analytics|engagement|author)\//;
const command = (text) => el("pre", { tabindex: "0", "aria-label": t("page.command") }, text);
const curl = (path) => `curl -H "Authorization: Bearer $ENGAGE_READ_KEY" \\\n  '${location.origin}${path}'`;
const formatted = (path, format) => `${path}${path.includes("?") ? "&" : "?"}format=${format}`;

/** Save a report as a file. */
export async function save(path, format) {
  const text = await askText(formatted(path, format));
  download(
    text,
    `${path.split("?")[0].split("/").slice(-2).join("-").replace(/^-/, "")}.${format}`,
    { csv: "text/csv", json: "application/json", sql: "application/sql" }[format],
  );
}

/** Hand a text to the browser as a download. */
export function download(text, name, type) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  el("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export { dialog };
