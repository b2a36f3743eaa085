-- funnel: how many readers went from a view to a like, a comment, a share?
--
-- :start     timestamptz        the period's begin
-- :end       timestamptz        and its end, which is no part of it
-- :category  text               of posts of this category; empty: of any
-- :author    bigint             of posts of this author; 0: of any
-- :tag       text               of posts with this tag; empty: of any
-- :promoted  boolean            of promoted posts, or of the others; null: of both
--
-- One row. Readings are pairs of a known user and a post; anonymous events have none. "engaged"
-- is any of like, comment and share.
WITH readings AS (
    SELECT user_id, post_id,
           count(*) FILTER (WHERE type = 'view')    AS views,
           count(*) FILTER (WHERE type = 'like')    AS likes,
           count(*) FILTER (WHERE type = 'comment') AS comments,
           count(*) FILTER (WHERE type = 'share')   AS shares
      FROM engagements
      JOIN chosen_posts(:'category'::text, :author::bigint, :'tag'::text, :promoted::boolean)
           USING (post_id)
     WHERE engaged_timestamp >= :'start'::timestamptz
       AND engaged_timestamp < :'end'::timestamptz
     GROUP BY user_id, post_id
)
SELECT coalesce(sum(views), 0)::bigint    AS views,
       coalesce(sum(likes), 0)::bigint    AS likes,
       coalesce(sum(comments), 0)::bigint AS comments,
       coalesce(sum(shares), 0)::bigint   AS shares,
       count(*) FILTER (WHERE known AND views > 0)                         AS viewed,
       count(*) FILTER (WHERE known AND views > 0 AND likes > 0)           AS viewed_liked,
       count(*) FILTER (WHERE known AND views > 0 AND comments > 0)        AS viewed_commented,
       count(*) FILTER (WHERE known AND views > 0 AND shares > 0)          AS viewed_shared,
       count(*) FILTER (WHERE known AND views > 0 AND likes > 0 AND comments > 0)
           AS viewed_liked_commented,
       count(*) FILTER (WHERE known AND views > 0 AND likes > 0 AND comments > 0 AND shares > 0)
           AS viewed_liked_commented_shared
  FROM (SELECT *, user_id IS NOT NULL AS known FROM readings) AS r;
