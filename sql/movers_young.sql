-- movers_young: how do posts do that have just passed an age, among posts at the same age?
--
-- :hours     int                length of the window; only stretches of an age within it count
-- :since     timestamptz        start of the window
-- :start     timestamptz        posts published since then are the peers
-- :end       timestamptz        end of the window and of the publication period, exclusive
-- :early     float8[]           ages, in hours below 1, at which posts of the last hour are compared
-- :peers     int                maximum posts of a category that they are compared with
-- :types     engagement_type[]  event types that count
-- :category  text               category of the posts; empty: any
-- :author    bigint             author of the posts; 0: any
-- :tag       text               tag of the posts; empty: any
-- :promoted  boolean            only promoted posts, or only the others; null: both
--
-- What counts is what posts earn in a stretch of their age: from 0 to 1, 1 to 6, 6 to 24, 24 to 48
-- or 48 to 168 hours, and for posts of the last hour from 0 to an early age, of which raw events are
-- counted. One row per post and stretch that ended in the window. With y = ln(1 + engagements): the
-- median of y and the mean engagements by type, of the category's posts in that stretch; score:
-- distance from the median over the scatter. The tail is the twentieth of all posts with the highest
-- scores (lowest, if the score is below 0), and at least ten. tested: stretches that ended in the
-- window, also those of early ages of posts that are older now.
WITH stretches AS (
    SELECT hours::float8, place, lag(hours, 1, 0) OVER (ORDER BY place)::float8 AS begin
      FROM unnest(compared_ages()) WITH ORDINALITY AS a (hours, place)
), by_hours AS (
    SELECT s.hours, s.begin, p.post_id, p.author_id, p.category, p.title, p.publish_timestamp,
           f.views[s.place] - coalesce(f.views[s.place - 1], 0) AS views,
           f.likes[s.place] - coalesce(f.likes[s.place - 1], 0) AS likes,
           f.comments[s.place] - coalesce(f.comments[s.place - 1], 0) AS comments,
           f.shares[s.place] - coalesce(f.shares[s.place - 1], 0) AS shares
      FROM stretches AS s
     CROSS JOIN matching_posts(:'category'::text, 0, :'tag'::text, :promoted::boolean) AS p
      JOIN first_hours AS f ON f.post_id = p.post_id AND f.ages >= s.place
     WHERE s.hours - s.begin <= :hours::int
       AND p.publish_timestamp >= :'start'::timestamptz
       AND p.publish_timestamp < :'end'::timestamptz
), early_ages AS (
    SELECT p.category, a.hours,
           bool_or(p.publish_timestamp > :'end'::timestamptz - interval '1 hour') AS is_now,
           count(*) AS posts
      FROM unnest(:'early'::float8[]) AS a (hours)
      JOIN matching_posts(:'category'::text, :author::bigint, :'tag'::text, :promoted::boolean) AS p
           ON p.publish_timestamp > :'since'::timestamptz - a.hours * interval '1 hour'
          AND p.publish_timestamp <= :'end'::timestamptz - a.hours * interval '1 hour'
     GROUP BY p.category, a.hours
), early AS (
    SELECT a.hours, 0::float8 AS begin, p.post_id, p.author_id, p.category, p.title,
           p.publish_timestamp, e.*
      FROM early_ages AS a
     CROSS JOIN LATERAL (
           SELECT m.*
             FROM matching_posts(a.category, 0, :'tag'::text, :promoted::boolean) AS m
             JOIN recorded_posts(a.hours * interval '1 hour') USING (post_id)
            WHERE m.publish_timestamp >= :'start'::timestamptz
              AND m.publish_timestamp <= :'end'::timestamptz - a.hours * interval '1 hour'
            ORDER BY m.publish_timestamp DESC, m.post_id
            LIMIT :peers::int) AS p
     CROSS JOIN LATERAL (
           SELECT count(*) FILTER (WHERE type = 'view')::int AS views,
                  count(*) FILTER (WHERE type = 'like')::int AS likes,
                  count(*) FILTER (WHERE type = 'comment')::int AS comments,
                  count(*) FILTER (WHERE type = 'share')::int AS shares
             FROM engagements
            WHERE post_id = p.post_id
              AND engaged_timestamp >= p.publish_timestamp
              AND engaged_timestamp < p.publish_timestamp + a.hours * interval '1 hour') AS e
     WHERE a.is_now
), aged AS (
    SELECT e.hours, e.begin, e.post_id, e.author_id, e.category, e.title,
           :author::bigint IN (0, e.author_id)
               AND e.publish_timestamp + e.hours * interval '1 hour' <= :'end'::timestamptz
               AND e.publish_timestamp + e.hours * interval '1 hour' > :'since'::timestamptz
               AND (e.hours >= 1
                    OR e.publish_timestamp > :'end'::timestamptz - interval '1 hour') AS is_young,
           c.views, c.likes, c.comments, c.shares,
           c.views + c.likes + c.comments + c.shares AS engagements,
           ln(1 + (c.views + c.likes + c.comments + c.shares)::float8) AS y
      FROM (TABLE by_hours UNION ALL TABLE early) AS e
     CROSS JOIN LATERAL (
           SELECT CASE WHEN 'view'    = ANY (:'types'::engagement_type[]) THEN e.views    ELSE 0 END,
                  CASE WHEN 'like'    = ANY (:'types'::engagement_type[]) THEN e.likes    ELSE 0 END,
                  CASE WHEN 'comment' = ANY (:'types'::engagement_type[]) THEN e.comments ELSE 0 END,
                  CASE WHEN 'share'   = ANY (:'types'::engagement_type[]) THEN e.shares   ELSE 0 END
           ) AS c (views, likes, comments, shares)
), middle AS (
    SELECT category, hours, count(*) AS peers,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY y) AS median,
           avg(views)::float8 AS views, avg(likes)::float8 AS likes,
           avg(comments)::float8 AS comments, avg(shares)::float8 AS shares
      FROM aged
     WHERE hours IN (SELECT hours FROM aged WHERE is_young)
     GROUP BY category, hours
), spread AS MATERIALIZED (
    SELECT category, hours,
           greatest(1.4826 * percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(a.y - m.median)),
                    exp(-m.median / 2)) AS scatter
      FROM aged AS a
      JOIN middle AS m USING (category, hours)
     GROUP BY category, hours, m.median
), scored AS (
    SELECT a.*, (a.y - m.median) / s.scatter AS score
      FROM aged AS a
      JOIN middle AS m USING (category, hours)
      JOIN spread AS s USING (category, hours)
), ranked AS (
    SELECT hours, score,
           row_number() OVER (PARTITION BY hours ORDER BY score) AS place,
           count(*) OVER (PARTITION BY hours) AS posts,
           greatest(10, count(*) OVER (PARTITION BY hours) / 20) AS tail
      FROM scored
), tails AS (
    SELECT hours, sign, min(posts) AS posts, count(*) AS tail_posts,
           min(sign * score) AS tail_start, avg(sign * score) - min(sign * score) AS tail_excess
      FROM ranked
     CROSS JOIN (VALUES (1), (-1)) AS side (sign)
     WHERE CASE sign WHEN 1 THEN place > posts - tail ELSE place <= tail END
     GROUP BY hours, sign
)
SELECT y.post_id, y.title, w.name AS author_name, y.category, y.begin, y.hours, y.engagements,
       y.score, m.peers, m.median, t.tail_posts::float8 / t.posts AS tail_share,
       t.tail_start::float8, t.tail_excess::float8, t.tail_posts,
       y.views - m.views AS view, y.likes - m.likes AS "like",
       y.comments - m.comments AS comment, y.shares - m.shares AS share,
       (SELECT count(*) FROM aged WHERE is_young AND hours >= 1)
           + (SELECT coalesce(sum(posts), 0) FROM early_ages)::int AS tested
  FROM scored AS y
  JOIN middle AS m ON m.category = y.category AND m.hours = y.hours
  JOIN tails AS t ON t.hours = y.hours AND t.sign = CASE WHEN y.score < 0 THEN -1 ELSE 1 END
  JOIN authors AS w ON w.author_id = y.author_id
 WHERE y.is_young
 ORDER BY y.post_id, y.hours;
