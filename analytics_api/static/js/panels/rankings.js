// Rankings: posts, authors, categories, tags; posts and authors also at equal age.

import { at } from "../api.js";
import { isWall, scope, zone } from "../address.js";
import { articleLink } from "../article.js";
import { el, named } from "../dom.js";
import { needsDaysOr } from "../facts.js";
import { count, date, decimal, percent, rate } from "../format.js";
import { t } from "../messages.js";
import { INDEX, Panel, Part } from "../panel.js";
import { placeholder } from "../region.js";
import { interval } from "./interval.js";
import { choice, row } from "./rows.js";

const SHOWN = isWall() ? 5 : 8;
const LEADS = {
  post: (each) => ({ post: each.key }),
  author: (each) => ({ author: each.key, post: undefined }),
  category: (each) => ({ category: each.key, post: undefined }),
  tag: (each) => ({ tag: each.key, post: undefined }),
};

/** A ranking by engagement in the period; of posts and authors also at equal age. */
export class Ranking extends Part {
  constructor(dimension, { fair } = {}) {
    const title = t(`ranking.${dimension}`);
    const options = [
      [false, t("ranking.engagement")],
      [true, t("ranking.fair")],
    ];
    const change = (value) => {
      this.isFair = value;
      this.limit = SHOWN;
      this.change();
    };
    super(
      new Panel(`${dimension}-ranking`, title, {
        about: t("ranking.about"),
        sql: ["ranking"],
        controls: fair ? [choice(t("ranking.by", { ranking: title }), options, false, change)] : [],
        empty: () => this.#nothing(),
      }),
    );
    this.dimension = dimension;
    this.fair = fair;
    this.isFair = false;
    this.limit = SHOWN;
  }

  path() {
    const query = scope();
    query.set("limit", this.limit);
    return at(this.isFair ? this.fair.path : `/reports/ranking/${this.dimension}`, query);
  }

  key() {
    return `${this.dimension}?${scope()}&${this.isFair}`;
  }

  show() {
    this.panel.sql = [this.isFair ? this.fair.sql : "ranking"];
    this.panel.formula = this.isFair ? INDEX : "";
    this.panel.about.textContent = this.isFair ? t("ranking.fair_about") : t("ranking.about");
    return super.show();
  }

  draw(rows, { next }) {
    const list = this.isFair ? this.#fairRows(rows) : this.#rows(rows);
    return [el("ol", { class: "rows" }, list), next && !isWall() && this.#more()];
  }

  #nothing() {
    const nothing = placeholder(t("state.nothing"));
    return this.isFair ? needsDaysOr(2, t("state.at_48_hours"), nothing) : nothing;
  }

  #rows(rows) {
    const most = Math.max(...rows.map((each) => each.total_engagements));
    return rows.map((each) =>
      row({
        key: each.key,
        label: this.dimension === "tag" ? `#${each.label}` : each.label,
        figure: count(each.total_engagements),
        change: each.no_comparison ? undefined : each.change_pct,
        part: each.total_engagements / most,
        leads: LEADS[this.dimension](each),
        sub: this.#sub(each),
        article: this.dimension === "post" && articleLink({ post_id: each.key, external_id: each.external_id, title: each.label }),
      }),
    );
  }

  #sub(each) {
    if (this.dimension === "post")
      return [named(each.author_name), " · ", named(each.category), ` · ${date(each.publish_date, zone())}`];
    const engage =
      each.engagement_rate === null ? t("ranking.no_views") : t("ranking.rate", { rate: rate(each.engagement_rate) });
    const category = this.dimension === "author" ? [" · ", named(each.category)] : [];
    return [`${t("count.posts_engaged", { count: each.posts_engaged })} · ${engage}`, ...category];
  }

  #fairRows(rows) {
    const most = Math.max(2, ...rows.map((each) => each.high));
    return rows.map((each) =>
      row({
        key: this.fair.key(each),
        label: this.fair.label(each),
        figure: t("ranking.index", { index: decimal(each.index) }),
        leads: this.fair.leads(each),
        sub: this.fair.sub(each),
        article: this.dimension === "post" && articleLink(each),
        aside: interval({ low: each.low, value: each.index, high: each.high, most, mark: 1 }),
      }),
    );
  }

  #more() {
    const more = () => {
      this.limit = Math.min(1000, this.limit * 4);
      this.change();
    };
    return el("button", { class: "plain", type: "button", onclick: more }, t("ranking.more"));
  }
}

/** The four rankings. */
export const rankings = () => [
  new Ranking("post", {
    fair: {
      path: "/reports/fair-posts",
      sql: "fair_posts",
      key: (each) => each.post_id,
      label: (each) => each.title,
      leads: (each) => ({ post: String(each.post_id) }),
      sub: (each) => [
        named(each.author_name),
        " · ",
        named(each.category),
        " · ",
        t("ranking.fair_post", {
          engagements: count(each.total_engagements),
          median: decimal(each.median),
          percentile: percent(each.percentile),
        }),
      ],
    },
  }),
  new Ranking("author", {
    fair: {
      path: "/reports/fair-authors",
      sql: "fair_authors",
      key: (each) => each.author_id,
      label: (each) => each.author_name,
      leads: (each) => ({ author: String(each.author_id), post: undefined }),
      sub: (each) =>
        t("ranking.fair_author", {
          top: percent(each.top_10_pct),
          posts: t("count.posts", { count: each.posts }),
          per_post: decimal(each.per_post),
          mean: decimal(each.baseline_mean),
        }),
    },
  }),
  new Ranking("category"),
  new Ranking("tag"),
];
