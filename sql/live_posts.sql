-- live_posts: which posts are engaged with now?
--
-- :since  timestamptz  start of the window
-- :until  timestamptz  end of the period, exclusive
-- :limit  int          maximum posts of the catalogue
--
-- One row per post of the catalogue, most engaged first, equal ones by ID. If there are events of
-- posts that are not in it, one more row has their sums, without a post_id; posts is their number.
WITH recent AS MATERIALIZED (
    SELECT post_id,
           count(*) FILTER (WHERE type = 'view')    AS views,
           count(*) FILTER (WHERE type = 'like')    AS likes,
           count(*) FILTER (WHERE type = 'comment') AS comments,
           count(*) FILTER (WHERE type = 'share')   AS shares,
           count(*)                                 AS total_engagements
      FROM engagements
     WHERE engaged_timestamp >= :'since'::timestamptz
       AND engaged_timestamp < :'until'::timestamptz
     GROUP BY post_id
), known AS (
    SELECT p.post_id, x.external_id, p.title, p.author_id, a.name AS author_name, p.category,
           e.views, e.likes, e.comments, e.shares, e.total_engagements
      FROM recent AS e
      JOIN posts AS p USING (post_id)
      JOIN authors AS a USING (author_id)
      LEFT JOIN external_ids AS x ON x.kind = 'post' AND x.id = p.post_id
     ORDER BY e.total_engagements DESC, p.post_id
     LIMIT :limit::int
), unknown AS (
    SELECT sum(views)::bigint AS views, sum(likes)::bigint AS likes,
           sum(comments)::bigint AS comments, sum(shares)::bigint AS shares,
           sum(total_engagements)::bigint AS total_engagements, count(*) AS posts
      FROM recent AS e
     WHERE NOT EXISTS (SELECT FROM posts AS p WHERE p.post_id = e.post_id)
)
SELECT *, 1::bigint AS posts
  FROM known
UNION ALL
SELECT NULL, NULL, NULL, NULL, NULL, NULL, views, likes, comments, shares, total_engagements, posts
  FROM unknown
 WHERE posts > 0
 ORDER BY total_engagements DESC, post_id;
