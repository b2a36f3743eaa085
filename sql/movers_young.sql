-- movers_young: how do posts of the last week do beside their category's posts at the same age?
--
-- :young     timestamptz        posts published from here on are told
-- :start     timestamptz        posts published from here on are what they are compared with
-- :end       timestamptz        and before
-- :types     engagement_type[]  engagements of these types
-- :category  text               of posts of this category; empty: of any
-- :author    bigint             posts of this author; 0: of any
-- :tag       text               of posts with this tag; empty: of any
-- :promoted  boolean            of promoted posts, or of the others; null: of both
--
-- One row a post, at the greatest age that it has passed. With y = ln(1 + engagements until that
-- age): the median of y, the median distance from it and the mean engagements by type, of the
-- category's posts at that age.
WITH aged AS (
    SELECT a.hours, p.*, ln(1 + p.engagements::float8) AS y
      FROM unnest(compared_ages()) AS a (hours)
     CROSS JOIN LATERAL posts_at_age(:'category'::text, 0, :'tag'::text, :promoted::boolean,
                                     a.hours, :'types'::engagement_type[]) AS p
     WHERE p.publish_timestamp >= :'start'::timestamptz
       AND p.publish_timestamp < :'end'::timestamptz
), young AS (
    SELECT DISTINCT ON (post_id) *
      FROM aged
     WHERE publish_timestamp >= :'young'::timestamptz
       AND :author::bigint IN (0, author_id)
     ORDER BY post_id, hours DESC
), middle AS (
    SELECT category, hours, count(*) AS peers,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY y) AS median,
           avg(engagements)::float8 AS mean, avg(views)::float8 AS views,
           avg(likes)::float8 AS likes, avg(comments)::float8 AS comments,
           avg(shares)::float8 AS shares
      FROM aged
     WHERE (category, hours) IN (SELECT category, hours FROM young)
     GROUP BY category, hours
), spread AS (
    SELECT category, hours,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(a.y - m.median)) AS distance
      FROM aged AS a
      JOIN middle AS m USING (category, hours)
     GROUP BY category, hours
)
SELECT y.post_id, y.title, w.name AS author_name, y.category, y.hours, y.engagements, y.y,
       m.peers, m.median, s.distance, m.mean,
       y.views - m.views AS view, y.likes - m.likes AS "like",
       y.comments - m.comments AS comment, y.shares - m.shares AS share
  FROM young AS y
  JOIN middle AS m USING (category, hours)
  JOIN spread AS s USING (category, hours)
  JOIN authors AS w USING (author_id)
 ORDER BY y.post_id;
