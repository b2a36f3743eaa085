-- top_authors: which authors earn the most engagement, by category of the post?
--
-- :since  timestamptz  posts published since then count
--
-- One row per (author, category of the post), best first, 50 at most; equal totals share a rank.
-- As of the last refresh.
WITH recent AS (
    SELECT a.author_id, a.name AS author_name, a.author_category, s.category AS post_category,
           count(*)                                      AS post_count,
           sum(s.view_count)::bigint                     AS total_views,
           sum(s.like_count)::bigint                     AS total_likes,
           sum(s.comment_count)::bigint                  AS total_comments,
           sum(s.share_count)::bigint                    AS total_shares,
           sum(s.total_engagements)::bigint              AS total_engagements,
           round(avg(s.total_engagements), 2)::float8    AS avg_engagement_per_post
      FROM published_stats AS s
      JOIN authors AS a USING (author_id)
     WHERE s.publish_timestamp >= :'since'::timestamptz
     GROUP BY a.author_id, s.category
)
SELECT recent.*,
       rank() OVER (PARTITION BY author_category ORDER BY total_engagements DESC) AS category_rank,
       rank() OVER (ORDER BY total_engagements DESC)                             AS overall_rank
  FROM recent
 ORDER BY total_engagements DESC, author_id, post_category
 LIMIT 50;
