// Did a post do well? Its engagement by age, over that of posts of its category.

import { instantOf, newestAnnotations, since } from "../annotations.js";
import { ask, combiner } from "../api.js";
import { current, zone } from "../address.js";
import { AgeChart } from "../age-chart.js";
import { el, named } from "../dom.js";
import { ageOf, clock, count, decimal, percent } from "../format.js";
import { rich, t } from "../messages.js";
import { Panel, Part } from "../panel.js";
import { addDays, dateIn } from "../periods.js";
import { notEnough } from "../region.js";

const LEAST_POSTS = 20;
const QUARTER_MS = 900_000;
const HOUR_MS = 3_600_000;
const WEEK_DAYS = 7;
const WEEK_HOURS = 168;

export class PostPath extends Part {
  constructor() {
    super(
      new Panel("path", t("path.title"), {
        about: t("path.about"),
        sql: ["post_path", "post_benchmark", "annotations"],
        formula: t("path.formula"),
      }),
    );
    this.chart = new AgeChart();
    this.combine = combiner();
  }

  path() {
    return of("post-path");
  }

  async show() {
    this.panel.path = this.path();
    const load = async () => {
      const [path, benchmark] = await Promise.all([ask(this.path()), ask(of("post-benchmark"))]);
      const { post } = current();
      const start = dateIn(zone(), benchmark.body.publish_date);
      const query = { post, tz: zone(), start, end: addDays(start, WEEK_DAYS) };
      const annotations = await newestAnnotations(new URLSearchParams(query));
      return { ...benchmark, body: this.combine({ path: path.body, benchmark: benchmark.body, annotations }) };
    };
    await this.panel.region.show(this.key(), (body) => this.draw(body), load);
    this.panel.sources();
  }

  draw({ path, benchmark, annotations }) {
    const published = new Date(benchmark.publish_date);
    const aged = since(published, annotations).map((each) => ({ ...each, hours: (instantOf(each) - published) / HOUR_MS }));
    return [verdict(benchmark), facts(benchmark), this.chart.show(path, benchmark.age_hours, aged)];
  }
}

const of = (report) => `/reports/${report}/${encodeURIComponent(current().post)}`;

/** The answer as a sentence, or what is missing. */
function verdict(found) {
  const { age_hours: age, peers, percentile: place } = found;
  if (age < 0) return notEnough(t("path.not_published"));
  if (peers < LEAST_POSTS)
    return notEnough(t("path.few_peers", { least: LEAST_POSTS, peers }), t("path.more_peers"));
  if (place === null) {
    const from = new Date(new Date(found.publish_date).getTime() + QUARTER_MS);
    return notEnough(t("path.too_young"), t("path.from", { time: clock(from, zone()) }));
  }
  const kind = place >= 75 ? "good" : place <= 25 ? "bad" : "";
  const values = {
    better: el("strong", { class: kind }, betterThan(place)),
    posts: t("count.posts", { count: peers }),
    category: named(found.category),
  };
  const sentence = age < WEEK_HOURS ? rich("path.place", { ...values, age: ageOf(age) }) : rich("path.place_of_week", values);
  return el("p", { class: "said", data: { fact: "percentile" } }, sentence);
}

function betterThan(percentile) {
  if (percentile === 100) return t("path.better_than_all");
  return percentile === 0 ? t("path.better_than_none") : t("path.better", { percentile: percent(percentile) });
}

function facts(found) {
  const { age_hours: age, median, per_hour: rate, median_per_hour: usual } = found;
  const until = age < WEEK_HOURS ? "so_far" : "of_week";
  return el(
    "dl",
    { class: "facts" },
    fact("reached", t(`path.engagements.${until}`), count(found.total_engagements), [
      median !== null &&
        t("path.median_and_band", {
          median: decimal(median),
          range: t("range", { low: count(found.low), high: count(found.high) }),
        }),
    ]),
    rate !== null &&
      fact("rate", t("path.rate"), decimal(rate), [
        usual !== null && t("path.usual_rate", { rate: decimal(usual) }),
        usual !== null && el("br"),
        t("path.rate_hours", { age: ageOf(found.rate_hours) }),
      ]),
    fact("users", t(`path.readers.${until}`), count(found.active_users), [
      found.top_user_pct !== null &&
        t("path.most_active", {
          share: percent(found.top_user_pct),
          engagements: t("count.engagements", { count: found.known_engagements }),
        }),
    ]),
  );
}

const fact = (id, name, value, note) =>
  el("div", { data: { key: id } }, el("dt", {}, name), el("dd", { data: { fact: id } }, value, el("small", {}, note)));
