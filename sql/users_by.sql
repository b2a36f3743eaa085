-- users_by: how many users engage with a post, an author or a category, and how much is of one user?
--
-- :dimension  text               post, author or category
-- :sort       text               active_users, top_user_pct or total_engagements
-- :start      timestamptz        start of the period
-- :end        timestamptz        end of the period, exclusive
-- :types      engagement_type[]  event types that count
-- :category   text               category of the posts; empty: any
-- :author     bigint             author of the posts; 0: any
-- :tag        text               tag of the posts; empty: any
-- :promoted   boolean            only promoted posts, or only the others; null: both
-- :after      float8             sort value of the row before the page; null: first page
-- :after_key  text               key of the row before the page
-- :limit      int                maximum rows
--
-- One row per key with engagement in the period, greatest sort value first, equal ones by their key.
-- known_engagements: those with a user. top_user_engagements: of the user with most of them. By
-- top_user_pct, keys with fewer than 30 known engagements follow the others.
WITH per_post AS (
    SELECT post_id, user_id, count(*) AS events
      FROM engagements
     WHERE engaged_timestamp >= :'start'::timestamptz
       AND engaged_timestamp < :'end'::timestamptz
       AND type = ANY (:'types'::engagement_type[])
     GROUP BY post_id, user_id
), per_user AS (
    SELECT CASE :'dimension'::text WHEN 'post'   THEN p.post_id::text
                                   WHEN 'author' THEN p.author_id::text
                                   ELSE p.category END AS key,
           e.user_id, sum(e.events) AS events, min(p.post_id) AS post_id, min(p.author_id) AS author_id
      FROM per_post AS e
      JOIN matching_posts(:'category'::text, :author::bigint, :'tag'::text, :promoted::boolean)
           AS p USING (post_id)
     GROUP BY 1, e.user_id
), counted AS (
    SELECT key, min(post_id) AS post_id, min(author_id) AS author_id,
           sum(events)::bigint AS total_engagements, count(user_id) AS active_users,
           coalesce(sum(events) FILTER (WHERE user_id IS NOT NULL), 0)::bigint AS known_engagements,
           coalesce(max(events) FILTER (WHERE user_id IS NOT NULL), 0)::bigint
               AS top_user_engagements
      FROM per_user
     GROUP BY key
), sorted AS (
    SELECT *, (CASE :'sort'::text
               WHEN 'active_users' THEN active_users
               WHEN 'total_engagements' THEN total_engagements
               ELSE coalesce(100 * top_user_engagements::float8 / nullif(known_engagements, 0), -1)
                    - CASE WHEN known_engagements >= 30 THEN 0 ELSE 1e9 END
               END)::float8 AS sort_value
      FROM counted
), best AS (
    SELECT *
      FROM sorted
     WHERE :after::float8 IS NULL
        OR sort_value < :after::float8
        OR (sort_value = :after::float8 AND key COLLATE "C" > :'after_key'::text)
     ORDER BY sort_value DESC, key COLLATE "C"
     LIMIT :limit::int
)
SELECT b.key,
       CASE :'dimension'::text WHEN 'post' THEN p.title WHEN 'author' THEN a.name ELSE b.key END
           AS label,
       b.total_engagements, b.known_engagements, b.active_users, b.top_user_engagements,
       b.sort_value
  FROM best AS b
  LEFT JOIN authors AS a USING (author_id)
  LEFT JOIN posts AS p ON p.post_id = b.post_id
 ORDER BY b.sort_value DESC, b.key COLLATE "C";
