// Whom or what the page is about, where it is one author or one post.

import { ask, at, Failure } from "../api.js";
import { current, go, goes, link, scope, zone } from "../address.js";
import { el, named, owned } from "../dom.js";
import { count, date, decimal, percent, plural, signed } from "../format.js";
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
  return { title: "Not found", asOf: new Date(), body: { absent: error.message } };
}

const notFound = (why) => [
  el("h2", {}, "There is no such page"),
  el("p", { class: "quiet" }, `${why}.`),
  back("Everything", { post: undefined, author: undefined }),
];

async function loadPost(id) {
  const path = `/engagement/${encodeURIComponent(id)}`;
  const paths = { ever: `${path}?period=all`, week: `${path}?period=7d`, benchmark: `/reports/post-benchmark/${encodeURIComponent(id)}` };
  const [ever, week, benchmark] = await Promise.all(Object.values(paths).map(ask));
  return {
    title: ever.body.title,
    asOf: ever.asOf,
    body: { id, paths, ever: ever.body, week: week.body, benchmark: benchmark.body },
  };
}

function drawPost({ absent: why, id, paths, ever, week, benchmark }) {
  if (why) return notFound(why);
  const age = (Date.now() - new Date(ever.publish_date)) / 86_400_000;
  const author = { author: String(ever.author_id), post: undefined };
  return [
    back("All posts", { post: undefined }),
    el(
      "div",
      {},
      el("p", { class: "quiet small" }, "Post ", named(id), " · ", named(ever.category)),
      el("h2", {}, named(ever.title)),
      el(
        "p",
        {},
        "by ",
        el("a", { href: link(author), onclick: goes(author) }, named(ever.author_name)),
        `, published ${date(ever.publish_date, zone(), PUBLISHED)}`,
      ),
    ),
    el(
      "dl",
      { class: "facts" },
      fact(
        "Engagements, all time",
        count(ever.total_engagements),
        age > 0 ? `${decimal(ever.total_engagements / Math.max(1, age))} a day` : null,
        "total_engagements",
      ),
      fact("Views, all time", count(ever.views), null, "views"),
      fact("Likes, all time", count(ever.likes), null, "likes"),
      fact("Comments, all time", count(ever.comments), null, "comments"),
      fact("Shares, all time", count(ever.shares), null, "shares"),
      fact("Engage after a view", ever.engagement_rate === null ? "no views" : percent(ever.engagement_rate), null, "engagement_rate"),
      fact("Engagements, last 7 days", count(week.total_engagements), null, "week"),
    ),
    forItsAge(benchmark),
    sources(
      { title: ever.title, sql: ["engagement", "engagement_ever"], path: paths.ever },
      { title: "For its age", sql: ["post_benchmark"], path: paths.benchmark, label: "How is “For its age” computed?" },
    ),
  ];
}

async function loadAuthor(id) {
  const path = `/author/${encodeURIComponent(id)}/trends`;
  const fairly = at("/reports/fair-authors", scope(["category", "tag", "promoted", "type"]));
  const [author, fair] = await Promise.all([ask(path), ask(fairly).catch(() => ({ body: [] }))]);
  return {
    title: author.body.author_name,
    asOf: author.asOf,
    body: { path, fairly, author: author.body, own: fair.body[0] },
  };
}

function drawAuthor({ absent: why, path, fairly, author, own }) {
  if (why) return notFound(why);
  return [
    back("All authors", { author: undefined }),
    el(
      "div",
      {},
      el("p", { class: "quiet small" }, "Author · ", named(author.category)),
      el("h2", {}, named(author.author_name)),
    ),
    el(
      "dl",
      { class: "facts" },
      fact("Posts, all time", count(author.total_posts), null, "total_posts"),
      fact(
        "Engagements, all time",
        count(author.total_engagements),
        `${decimal(author.avg_engagement_per_post)} a post`,
        "total_engagements",
      ),
      fact("Last 7 days", trend(author, 7), "against the 7 before", "change_7d"),
      fact("Last 30 days", trend(author, 30), "against the 30 before", "change_30d"),
      own &&
        fact(
          "At equal age, this period",
          `${decimal(own.index)} ×`,
          `the baseline (${decimal(own.low)} to ${decimal(own.high)})`,
          "index",
        ),
    ),
    sources(
      { title: author.author_name, sql: ["author_trends"], path },
      own && { title: "At equal age", sql: ["fair_authors"], formula: INDEX, path: fairly },
    ),
  ];
}

/** A post compared with the latest posts of its category at exactly the same age, as a sentence. */
function forItsAge(found) {
  const { age_hours: age, peers, percentile: place } = found;
  const sentence = (...parts) => el("p", { data: { fact: "percentile" } }, ...parts);
  if (place === null) {
    const missing = peers < 20 ? `${peers} of 20 posts are old enough to compare with` : "wait until it is 15 minutes old";
    return sentence(`For its age: not enough data yet, ${missing}.`);
  }
  return sentence(
    "For its age: ",
    el("strong", {}, `better than ${percent(place)}`),
    ` of the last ${count(peers)} posts in `,
    named(found.category),
    `. It had ${plural(found.total_engagements, "engagement")} ${after(age)}; the median had ${count(found.median)}, four in five ` +
      `${count(found.low)} to ${count(found.high)}.`,
  );
}

const after = (hours) =>
  hours < 1 ? `after ${Math.round(hours * 60)} minutes` : hours < 48 ? `after ${decimal(hours)} hours` : `after ${decimal(hours / 24)} days`;

const sources = (...reports) =>
  el(
    "div",
    { class: "foot" },
    reports.filter(Boolean).map((each) =>
      el(
        "button",
        { type: "button", onclick: () => showSource(each) },
        each.label ?? (each.formula ? "And at equal age?" : "How is this computed?"),
      ),
    ),
  );
const back = (text, change) =>
  el("p", {}, el("button", { class: "plain", type: "button", onclick: () => go(change) }, `← ${text}`));
