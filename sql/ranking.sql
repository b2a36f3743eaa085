-- ranking: which posts, authors, categories or tags earned the most engagement in a period?
--
-- :dimension   text               post, author, category or tag
-- :sort        text               total_engagements, views, likes, comments, shares or rate
-- :start       timestamptz        start of the period
-- :end         timestamptz        end of the period, exclusive
-- :before      timestamptz        start of the comparison period, not after :start
-- :before_end  timestamptz        end of the comparison period, exclusive
-- :types       engagement_type[]  event types that count
-- :category    text               category of the posts; empty: any
-- :author      bigint             author of the posts; 0: any
-- :tag         text               tag of the posts; empty: any
-- :promoted    boolean            only promoted posts, or only the others; null: both
-- :after       float8             sort value of the row before the page; null: first page
-- :after_key   text               key of the row before the page
-- :limit       int                maximum rows
--
-- One row per key that was engaged with in either period, best first, equal ones by their key. By
-- rate, those of fewer than 30 views follow the others. A post with several tags counts once for each
-- of them, also where SQL stored one twice.
WITH per_post AS (
    SELECT post_id,
           count(*) FILTER (WHERE is_now AND type = 'view')    AS views,
           count(*) FILTER (WHERE is_now AND type = 'like')    AS likes,
           count(*) FILTER (WHERE is_now AND type = 'comment') AS comments,
           count(*) FILTER (WHERE is_now AND type = 'share')   AS shares,
           count(*) FILTER (WHERE NOT is_now)                  AS previous
      FROM (SELECT post_id, type, engaged_timestamp >= :'start'::timestamptz AS is_now
              FROM engagements
             WHERE engaged_timestamp >= :'before'::timestamptz
               AND engaged_timestamp < :'end'::timestamptz
               AND (engaged_timestamp >= :'start'::timestamptz
                    OR engaged_timestamp < :'before_end'::timestamptz)
               AND type = ANY (:'types'::engagement_type[])) AS e
     GROUP BY post_id
), keyed AS (
    SELECT k.key, e.*, p.author_id
      FROM per_post AS e
      JOIN matching_posts(:'category'::text, :author::bigint, :'tag'::text, :promoted::boolean)
           AS p USING (post_id)
     CROSS JOIN LATERAL (
           SELECT DISTINCT unnest(CASE :'dimension'::text
                  WHEN 'post'     THEN ARRAY[p.post_id::text]
                  WHEN 'author'   THEN ARRAY[p.author_id::text]
                  WHEN 'category' THEN ARRAY[p.category]
                  WHEN 'tag'      THEN p.tags END)) AS k (key)
), summed AS (
    SELECT key,
           sum(views)::bigint AS views, sum(likes)::bigint AS likes,
           sum(comments)::bigint AS comments, sum(shares)::bigint AS shares,
           sum(views + likes + comments + shares)::bigint AS total_engagements,
           sum(previous)::bigint AS previous_engagements,
           count(*) FILTER (WHERE views + likes + comments + shares > 0) AS posts_engaged,
           min(post_id) AS post_id, min(author_id) AS author_id
      FROM keyed
     GROUP BY key
), rated AS (
    -- Rounded in integers, as engines differ in decimal numbers: the quotient is whole.
    SELECT *, ((size - size % nullif(2 * views, 0)) / nullif(2 * views, 0))::float8 / 100
              AS engagement_rate
      FROM (SELECT *, 20000 * (likes + comments + shares) + views AS size FROM summed) AS s
), best AS (
    SELECT *
      FROM (SELECT *, (CASE :'sort'::text
                       WHEN 'views' THEN views WHEN 'likes' THEN likes
                       WHEN 'comments' THEN comments WHEN 'shares' THEN shares
                       WHEN 'rate' THEN CASE WHEN views >= 30 THEN engagement_rate
                                               ELSE coalesce(engagement_rate, -1) - 1e9 END
                       ELSE total_engagements END)::float8
                      AS sort_value
              FROM rated) AS s
     WHERE :after::float8 IS NULL
        OR sort_value < :after::float8
        OR (sort_value = :after::float8 AND key COLLATE "C" > :'after_key'::text)
     ORDER BY sort_value DESC, key COLLATE "C"
     LIMIT :limit::int
)
SELECT b.key,
       CASE :'dimension'::text WHEN 'post' THEN p.title WHEN 'author' THEN a.name ELSE b.key END
           AS label,
       p.author_id, CASE WHEN :'dimension'::text = 'post' THEN a.name END AS author_name,
       CASE WHEN :'dimension'::text = 'author' THEN a.author_category ELSE p.category END
           AS category,
       p.publish_timestamp AS publish_date,
       b.views, b.likes, b.comments, b.shares, b.total_engagements, b.previous_engagements,
       b.posts_engaged, b.engagement_rate, b.sort_value
  FROM best AS b
  LEFT JOIN authors AS a USING (author_id)
  LEFT JOIN posts AS p ON :'dimension'::text = 'post' AND p.post_id = b.post_id
 ORDER BY b.sort_value DESC, b.key COLLATE "C";
