// Rankings: posts, authors, categories, tags; posts and authors also at equal age.

import { at } from "../api.js";
import { scope } from "../address.js";
import { el, named } from "../dom.js";
import { count, date, decimal, percent, plural } from "../format.js";
import { INDEX, Panel } from "../panel.js";
import { interval } from "./interval.js";
import { choice, row } from "./rows.js";

const SHOWN = 8;
const LEADS = {
  post: (each) => ({ post: each.key }),
  author: (each) => ({ author: each.key, post: undefined }),
  category: (each) => ({ category: each.key, post: undefined }),
  tag: (each) => ({ tag: each.key, post: undefined }),
};

/** A ranking by engagement in the period. */
export class Ranking {
  constructor(dimension, title, { fair } = {}) {
    this.dimension = dimension;
    this.fair = fair;
    this.isFair = false;
    this.limit = SHOWN;
    const controls = fair
      ? [
          choice(
            `${title} ranked by`,
            [
              [false, "Engagement"],
              [true, "Fair"],
            ],
            false,
            (value) => {
              this.isFair = value;
              this.limit = SHOWN;
              this.show().catch(() => {});
            },
          ),
        ]
      : [];
    this.panel = new Panel(`${dimension}-ranking`, title, { sql: ["ranking"], controls });
    this.elements = [this.panel.element];
  }

  show() {
    return this.isFair ? this.#fair() : this.#plain();
  }

  #plain() {
    const query = scope();
    query.set("limit", this.limit);
    this.panel.sql = ["ranking"];
    this.panel.formula = "";
    return this.panel.show(at(`/reports/ranking/${this.dimension}`, query), (rows, { next }) => {
      const most = Math.max(...rows.map((each) => each.total_engagements));
      return [
        el(
          "ol",
          { class: "rows" },
          rows.map((each) =>
            row({
              key: each.key,
              label: this.dimension === "tag" ? `#${each.label}` : each.label,
              figure: count(each.total_engagements),
              change: each.no_comparison ? undefined : each.change_pct,
              part: each.total_engagements / most,
              leads: LEADS[this.dimension](each),
              sub: this.#sub(each),
            }),
          ),
        ),
        next && this.#more(),
      ];
    });
  }

  #sub(each) {
    if (this.dimension === "post")
      return [named(each.author_name), " · ", named(each.category), ` · ${date(each.publish_date)}`];
    const rate = each.engagement_rate === null ? "no views" : `${decimal(each.engagement_rate)} % engage`;
    const category = this.dimension === "author" ? [" · ", named(each.category)] : [];
    return [`${plural(each.posts_engaged, "post")} · ${rate}`, ...category];
  }

  #fair() {
    const query = scope();
    query.set("limit", this.limit);
    this.panel.sql = [this.fair.sql];
    this.panel.formula = INDEX;
    return this.panel.show(at(this.fair.path, query), (rows, { next }) => {
      const most = Math.max(2, ...rows.map((each) => each.high));
      return [
        el("p", { class: "quiet small" }, this.fair.about),
        el(
          "ol",
          { class: "rows" },
          rows.map((each) =>
            row({
              label: this.fair.label(each),
              figure: `${decimal(each.index)} ×`,
              leads: this.fair.leads(each),
              sub: this.fair.sub(each),
              aside: interval({ low: each.low, value: each.index, high: each.high, most, mark: 1 }),
            }),
          ),
        ),
        next && this.#more(),
      ];
    });
  }

  #more() {
    return el(
      "button",
      {
        class: "plain",
        type: "button",
        onclick: () => {
          this.limit = Math.min(1000, this.limit * 4);
          this.show().catch(() => {});
        },
      },
      "Show more",
    );
  }
}

const ABOUT =
  "What posts earn in their first 48 hours, as a multiple of what posts of their category earn at that age. Little evidence is drawn towards 1; the bar is the 95 % interval.";

/** The four rankings. */
export const rankings = () => [
  new Ranking("post", "Top posts", {
    fair: {
      path: "/reports/fair-posts",
      sql: "fair_posts",
      about: ABOUT,
      label: (each) => each.title,
      leads: (each) => ({ post: String(each.post_id) }),
      sub: (each) => [
        named(each.author_name),
        " · ",
        named(each.category),
        ` · ${count(each.total_engagements)}, median ${decimal(each.median)}: better than ${percent(each.percentile)}`,
      ],
    },
  }),
  new Ranking("author", "Top authors", {
    fair: {
      path: "/reports/fair-authors",
      sql: "fair_authors",
      about: ABOUT,
      label: (each) => each.author_name,
      leads: (each) => ({ author: String(each.author_id), post: undefined }),
      sub: (each) =>
        `${plural(each.posts, "post")} · ${decimal(each.per_post)} a post, mean of the categories ${decimal(each.baseline_mean)}`,
    },
  }),
  new Ranking("category", "Categories"),
  new Ranking("tag", "Tags"),
];
