-- author_benchmark: how does an author compare with the authors of the same category?
--
-- :start     timestamptz        start of the period
-- :end       timestamptz        end of the period, exclusive
-- :types     engagement_type[]  event types that count
-- :category  text               category of the posts; empty: any
-- :author    bigint             the author
-- :tag       text               tag of the posts; empty: any
-- :promoted  boolean            only promoted posts, or only the others; null: both
--
-- One row, or none for an unknown author. Authors without engagement in the period do not count.
WITH totals AS (
    SELECT author_id,
           count(*) FILTER (WHERE type = 'view')    AS views,
           count(*) FILTER (WHERE type = 'like')    AS likes,
           count(*) FILTER (WHERE type = 'comment') AS comments,
           count(*) FILTER (WHERE type = 'share')   AS shares,
           count(*)                                 AS total_engagements
      FROM engagements AS e
      JOIN matching_posts(:'category'::text, 0, :'tag'::text, :promoted::boolean) USING (post_id)
     WHERE e.engaged_timestamp >= :'start'::timestamptz
       AND e.engaged_timestamp < :'end'::timestamptz
       AND e.type = ANY (:'types'::engagement_type[])
     GROUP BY author_id
)
SELECT own.author_id, own.name AS author_name, own.author_category AS category,
       count(t.author_id) AS authors,
       coalesce(of.total_engagements, 0) AS total_engagements,
       CASE WHEN of.total_engagements > 0
            THEN 1 + count(*) FILTER (WHERE t.total_engagements > of.total_engagements) END AS rank,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY t.total_engagements) AS median_total_engagements,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY t.views)             AS median_views,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY t.likes)             AS median_likes,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY t.comments)          AS median_comments,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY t.shares)            AS median_shares
  FROM authors AS own
  LEFT JOIN totals AS of ON of.author_id = own.author_id
  LEFT JOIN (totals AS t JOIN authors AS a ON a.author_id = t.author_id)
    ON a.author_category = own.author_category
 WHERE own.author_id = :author::bigint
 GROUP BY own.author_id, of.total_engagements;
