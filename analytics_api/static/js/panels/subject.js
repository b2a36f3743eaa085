// Whom or what the page is about, where it is one author or one post.

import { ask, at, Failure } from "../api.js";
import { current, go, goes, link, scope, zone } from "../address.js";
import { el, named, put } from "../dom.js";
import { count, date, decimal, percent, plural, signed } from "../format.js";
import { INDEX } from "../panel.js";
import { showSource } from "../source.js";

const PERIODS = new Set(["7d", "30d", "90d", "all"]);

const fact = (name, value, note, id) =>
  el("div", {}, el("dt", {}, name), el("dd", { data: { fact: id } }, value, note && el("small", {}, note)));
const change = (value) => (value === null ? "–" : signed(value));

export class Subject {
  constructor() {
    this.card = el("section", { class: "card subject", id: "subject", hidden: true });
    this.elements = [this.card];
  }

  async show() {
    const { post, author } = current();
    this.card.hidden = !post && !author;
    try {
      if (post) await this.#post(post);
      else if (author) await this.#author(author);
    } catch (error) {
      if (!(error instanceof Failure) || ![404, 422].includes(error.status)) throw error;
      put(
        this.card,
        el("h2", {}, "There is no such page"),
        el("p", { class: "quiet" }, `${error.message}.`),
        back("Everything", { post: undefined, author: undefined }),
      );
    }
  }

  async #post(id) {
    const { period = "30d", start } = current();
    const chosen = !start && PERIODS.has(period) ? period : "all";
    const path = `/engagement/${encodeURIComponent(id)}`;
    const benchmarkPath = `/reports/post-benchmark/${encodeURIComponent(id)}`;
    const [{ body }, ever, benchmark] = await Promise.all(
      [`${path}?period=${chosen}`, `${path}?period=all`, benchmarkPath].map((each) => ask(each)),
    );
    const age = (Date.now() - new Date(body.publish_date)) / 86_400_000;
    put(
      this.card,
      back("All posts", { post: undefined }),
      el(
        "div",
        {},
        el("p", { class: "quiet small" }, "Post ", named(id), " · ", named(body.category)),
        el("h2", {}, named(body.title)),
        el(
          "p",
          {},
          "by ",
          el(
            "a",
            {
              href: link({ author: String(body.author_id), post: undefined }),
              onclick: goes({ author: String(body.author_id), post: undefined }),
            },
            named(body.author_name),
          ),
          `, published ${date(body.publish_date, zone(), { weekday: "long", day: "numeric", month: "long", year: "numeric", hour: "2-digit", minute: "2-digit" })}`,
        ),
      ),
      el(
        "dl",
        { class: "facts" },
        fact(
          "Engagements",
          count(body.total_engagements),
          chosen === "all" ? "all time" : `in ${chosen.replace("d", " days")}`,
          "total_engagements",
        ),
        fact("Views", count(body.views), null, "views"),
        fact("Likes", count(body.likes), null, "likes"),
        fact("Comments", count(body.comments), null, "comments"),
        fact("Shares", count(body.shares), null, "shares"),
        fact("Engage after a view", body.engagement_rate === null ? "no views" : percent(body.engagement_rate), null, "engagement_rate"),
        fact(
          "All time",
          count(ever.body.total_engagements),
          age > 0 ? `${decimal(ever.body.total_engagements / Math.max(1, age))} a day` : null,
          "ever",
        ),
      ),
      forItsAge(benchmark.body),
      sources(
        { title: body.title, sql: ["engagement", "engagement_ever"], path: `${path}?period=${chosen}` },
        { title: "For its age", sql: ["post_benchmark"], path: benchmarkPath, label: "How is “For its age” computed?" },
      ),
    );
  }

  async #author(id) {
    const path = `/author/${encodeURIComponent(id)}/trends`;
    const fairly = at("/reports/fair-authors", scope(["category", "tag", "promoted", "type"]));
    const [{ body }, fair] = await Promise.all([ask(path), ask(fairly).catch(() => ({ body: [] }))]);
    const [own] = fair.body;
    put(
      this.card,
      back("All authors", { author: undefined }),
      el(
        "div",
        {},
        el("p", { class: "quiet small" }, "Author · ", named(body.category)),
        el("h2", {}, named(body.author_name)),
      ),
      el(
        "dl",
        { class: "facts" },
        fact("Posts", count(body.total_posts), "all time", "total_posts"),
        fact(
          "Engagements",
          count(body.total_engagements),
          `${decimal(body.avg_engagement_per_post)} a post`,
          "total_engagements",
        ),
        fact("Last 7 days", change(body.change_7d), "against the 7 before", "change_7d"),
        fact("Last 30 days", change(body.change_30d), "against the 30 before", "change_30d"),
        own &&
          fact(
            "At equal age",
            `${decimal(own.index)} ×`,
            `the baseline (${decimal(own.low)} to ${decimal(own.high)})`,
            "index",
          ),
      ),
      sources(
        { title: body.author_name, sql: ["author_trends"], path },
        own && { title: "At equal age", sql: ["fair_authors"], formula: INDEX, path: fairly },
      ),
    );
  }
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
