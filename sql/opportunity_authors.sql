-- opportunity_authors: which authors publish much for little, and what would the median bring?
--
-- :since  timestamptz  posts published since then count
--
-- One row per author with such posts, highest score first. Medians and quartiles are over the
-- authors' rounded averages, within their category. As of the last refresh.
WITH performance AS (
    SELECT a.author_id, a.name AS author_name, a.author_category AS category,
           count(*)                           AS total_posts,
           sum(s.total_engagements)::bigint   AS total_engagements,
           round(avg(s.total_engagements), 2) AS average,
           round(100.0 * sum(s.like_count + s.comment_count + s.share_count)
                 / nullif(sum(s.view_count), 0), 2)::float8 AS engagement_rate_pct
      FROM published_stats AS s
      JOIN authors AS a USING (author_id)
     WHERE s.publish_timestamp >= :'since'::timestamptz
     GROUP BY a.author_id
), benchmark AS (
    SELECT category,
           percentile_cont(0.5)  WITHIN GROUP (ORDER BY average) AS median,
           percentile_cont(0.75) WITHIN GROUP (ORDER BY average) AS p75
      FROM performance
     GROUP BY category
)
SELECT p.author_id, p.author_name, p.category, p.total_posts, p.total_engagements,
       p.average::float8 AS avg_engagement_per_post, p.engagement_rate_pct,
       b.median AS category_median,
       CASE WHEN p.total_posts >= 10 AND p.average < b.median THEN 'High Volume, Low Engagement'
            WHEN p.total_posts >= 10 AND p.average >= b.p75 THEN 'High Volume, High Engagement'
            WHEN p.total_posts < 5   AND p.average >= b.p75 THEN 'Low Volume, High Quality'
            ELSE 'Average'
        END AS performance_segment,
       CASE WHEN p.total_posts >= 10 AND p.average < b.median
            THEN round(((b.median - p.average) * p.total_posts)::numeric)::bigint
            ELSE 0
        END AS opportunity_score
  FROM performance AS p
  JOIN benchmark AS b USING (category)
 ORDER BY opportunity_score DESC, p.total_posts DESC, p.author_id;
