-- funnel: how many readers went from a view to a like, a comment, a share?
--
-- :start     timestamptz        start of the period
-- :end       timestamptz        end of the period, exclusive
-- :category  text               category of the posts; empty: any
-- :author    bigint             author of the posts; 0: any
-- :tag       text               tag of the posts; empty: any
-- :promoted  boolean            only promoted posts, or only the others; null: both
--
-- One row. Readings are pairs of a known user and a post; anonymous events have none. "engaged"
-- is any of like, comment and share.
WITH seen AS (
    -- Each row is read once, for readings as for what adds up. steps: a bit a type.
    SELECT type, user_id, post_id, count(*) AS events,
           bit_or(CASE type WHEN 'view' THEN 1 WHEN 'like' THEN 2 WHEN 'comment' THEN 4
                            WHEN 'share' THEN 8 END) AS steps
      FROM engagements
      JOIN matching_posts(:'category'::text, :author::bigint, :'tag'::text, :promoted::boolean)
           USING (post_id)
     WHERE engaged_timestamp >= :'start'::timestamptz
       AND engaged_timestamp < :'end'::timestamptz
     GROUP BY GROUPING SETS ((type), (user_id, post_id))
)
SELECT coalesce(sum(events) FILTER (WHERE type = 'view'), 0)::bigint    AS views,
       coalesce(sum(events) FILTER (WHERE type = 'like'), 0)::bigint    AS likes,
       coalesce(sum(events) FILTER (WHERE type = 'comment'), 0)::bigint AS comments,
       coalesce(sum(events) FILTER (WHERE type = 'share'), 0)::bigint   AS shares,
       count(*) FILTER (WHERE user_id IS NOT NULL AND steps & 1 = 1)    AS viewed,
       count(*) FILTER (WHERE user_id IS NOT NULL AND steps & 3 = 3)    AS viewed_liked,
       count(*) FILTER (WHERE user_id IS NOT NULL AND steps & 5 = 5)    AS viewed_commented,
       count(*) FILTER (WHERE user_id IS NOT NULL AND steps & 9 = 9)    AS viewed_shared,
       count(*) FILTER (WHERE user_id IS NOT NULL AND steps & 7 = 7)    AS viewed_liked_commented,
       count(*) FILTER (WHERE user_id IS NOT NULL AND steps = 15)
           AS viewed_liked_commented_shared
  FROM seen;
