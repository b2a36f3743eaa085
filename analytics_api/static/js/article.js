// Links to a post's article, at the address that ENGAGE_POST_URL says.

import { isWall } from "./address.js";
import { el } from "./dom.js";
import { t } from "./messages.js";

const template = document.documentElement.dataset.postUrl ?? "";
const PLACEHOLDER = /\{(post_id|external_id)\}/g;

/** The address of the article of a post with `post_id` and `external_id`; null where there is none. */
function addressOf(post) {
  const names = [...template.matchAll(PLACEHOLDER)].map(([, name]) => name);
  if (!names.length || names.some((name) => !post[name])) return null;
  return template.replace(PLACEHOLDER, (_, name) => encodeURIComponent(post[name]));
}

/** A link to the article, which opens in another tab; null where no address is known. */
export function articleLink(post, text = "↗") {
  const href = isWall() ? null : addressOf(post);
  if (!href) return null;
  const name = t("article.open", { title: post.title });
  return el("a", { class: "article", href, target: "_blank", rel: "noopener", "aria-label": name, title: name }, text);
}
