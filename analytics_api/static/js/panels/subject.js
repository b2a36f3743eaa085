// Whom or what the page is about, where it is one author or one post.

import { ask, at, Failure } from "../api.js";
import { current, go, goes, link, scope, zone } from "../address.js";
import { articleLink } from "../article.js";
import { el, named, owned } from "../dom.js";
import { count, date, decimal, percent, rate, signed } from "../format.js";
import { rich, t } from "../messages.js";
import { INDEX } from "../panel.js";
import { Region } from "../region.js";
import { showSource } from "../source.js";

const fact = (name, value, note, id) =>
  el(
    "div",
    { data: { key: id } },
    el("dt", {}, name),
    el("dd", { data: { fact: id } }, value, note && el("small", {}, note)),
  );
const trend = (body, days) => (body[`no_comparison_${days}d`] ? "–" : change(body[`change_${days}d`]));
const change = (value) => (value === null ? "–" : signed(value));
const PUBLISHED = { weekday: "long", day: "numeric", month: "long", year: "numeric", hour: "2-digit", minute: "2-digit" };

export class Subject {
  constructor() {
    this.card = owned(el("section", { class: "card subject", id: "subject", hidden: true }));
    this.region = new Region(this.card);
    this.elements = [this.card, this.region.note];
    /** The name of the author or the title of the post; "" while it is not known. */
    this.title = "";
  }

  get regions() {
    return this.#key() ? [this.region] : [];
  }

  get asOf() {
    return this.region.asOf;
  }

  #key() {
    const { post, author } = current();
    return post ? `post ${post}` : author ? `author ${author} ${scope()}` : "";
  }

  expect() {
    const key = this.#key();
    this.card.hidden = !key;
    if (key !== this.region.key) this.title = "";
    this.region.expect(key);
  }

  async show() {
    this.expect();
    const { post, author } = current();
    if (!post && !author) return;
    const [load, draw] = post ? [() => loadPost(post), drawPost] : [() => loadAuthor(author), drawAuthor];
    await this.region.show(this.#key(), (body) => draw(body), async () => {
      const found = await load().catch(absent);
      this.title = found.title;
      return found;
    });
  }
}

/** What is shown in place of an author or a post that does not exist. */
function absent(error) {
  if (!(error instanceof Failure) || ![404, 422].includes(error.status)) throw error;
  return { title: t("subject.not_found"), asOf: new Date(), body: { absent: error.reason } };
}

const notFound = (why) => [
  el("h2", {}, t("subject.not_found_title")),
  el("p", { class: "quiet" }, why),
  back(t("subject.back_all"), { post: undefined, author: undefined }),
];

async function loadPost(id) {
  const path = `/engagement/${encodeURIComponent(id)}`;
  const [ever, week] = await Promise.all(["all", "7d"].map((period) => ask(`${path}?period=${period}`)));
  return { title: ever.body.title, asOf: ever.asOf, body: { id, path, ever: ever.body, week: week.body } };
}

function drawPost({ absent: why, id, path, ever, week }) {
  if (why) return notFound(why);
  const age = (Date.now() - new Date(ever.publish_date)) / 86_400_000;
  const author = { author: String(ever.author_id), post: undefined };
  return [
    back(t("subject.back_posts"), { post: undefined }),
    el(
      "div",
      {},
      el("p", { class: "quiet small" }, rich("subject.post", { id: named(id), category: named(ever.category) })),
      el("h2", {}, named(ever.title)),
      el(
        "p",
        {},
        rich("subject.by", {
          author: el("a", { href: link(author), onclick: goes(author) }, named(ever.author_name)),
          date: date(ever.publish_date, zone(), PUBLISHED),
        }),
        articleLink(ever, `${t("article.read")} ↗`),
      ),
    ),
    el(
      "dl",
      { class: "facts" },
      fact(
        t("subject.engagements"),
        count(ever.total_engagements),
        age >= 1 ? t("subject.per_day", { rate: decimal(ever.total_engagements / age) }) : null,
        "total_engagements",
      ),
      fact(t("subject.views"), count(ever.views), null, "views"),
      fact(t("subject.likes"), count(ever.likes), null, "likes"),
      fact(t("subject.comments"), count(ever.comments), null, "comments"),
      fact(t("subject.shares"), count(ever.shares), null, "shares"),
      fact(
        t("subject.rate"),
        ever.engagement_rate === null ? t("subject.no_views") : rate(ever.engagement_rate),
        null,
        "engagement_rate",
      ),
      fact(t("subject.week"), count(week.total_engagements), null, "week"),
    ),
    sources({ title: ever.title, sql: ["engagement", "engagement_ever"], path: `${path}?period=all` }),
  ];
}

async function loadAuthor(id) {
  const path = `/author/${encodeURIComponent(id)}/trends`;
  const fairly = at("/reports/fair-authors", scope(["category", "tag", "promoted", "type"]));
  const query = scope();
  query.set("limit", 1);
  const ofUsers = at("/reports/users/author", query);
  const optional = (report) => ask(report).catch(() => ({ body: [] }));
  const [author, fair, users] = await Promise.all([ask(path), optional(fairly), optional(ofUsers)]);
  return {
    title: author.body.author_name,
    asOf: author.asOf,
    body: { path, fairly, ofUsers, author: author.body, own: fair.body[0], users: users.body[0] },
  };
}

function drawAuthor({ absent: why, path, fairly, ofUsers, author, own, users }) {
  if (why) return notFound(why);
  return [
    back(t("subject.back_authors"), { author: undefined }),
    el(
      "div",
      {},
      el("p", { class: "quiet small" }, rich("subject.author", { category: named(author.category) })),
      el("h2", {}, named(author.author_name)),
    ),
    el(
      "dl",
      { class: "facts" },
      fact(t("subject.posts"), count(author.total_posts), null, "total_posts"),
      fact(
        t("subject.engagements"),
        count(author.total_engagements),
        t("subject.per_post", { rate: decimal(author.avg_engagement_per_post) }),
        "total_engagements",
      ),
      fact(t("subject.last_7"), trend(author, 7), t("subject.against_7"), "change_7d"),
      fact(t("subject.last_30"), trend(author, 30), t("subject.against_30"), "change_30d"),
      own &&
        fact(
          t("subject.at_equal_age"),
          t("subject.index", { index: decimal(own.index) }),
          t("subject.baseline", { range: t("range", { low: decimal(own.low), high: decimal(own.high) }) }),
          "index",
        ),
      users &&
        fact(
          t("subject.readers"),
          count(users.active_users),
          users.top_user_pct === null ? null : t("subject.most_active", { share: percent(users.top_user_pct) }),
          "active_users",
        ),
    ),
    sources(
      { title: author.author_name, sql: ["author_trends"], path },
      own && { title: t("subject.equal_age"), sql: ["fair_authors"], formula: INDEX, path: fairly, label: t("subject.equal_age_source") },
      users && { title: t("tile.active_users"), sql: ["users_by"], path: ofUsers, label: t("subject.readers_source") },
    ),
  ];
}

const sources = (...reports) =>
  el(
    "div",
    { class: "foot" },
    reports.filter(Boolean).map((each) =>
      el(
        "button",
        { type: "button", onclick: () => showSource(each) },
        each.label ?? t("panel.source"),
      ),
    ),
  );
const back = (text, change) =>
  el("p", {}, el("button", { class: "plain", type: "button", onclick: () => go(change) }, `← ${text}`));
