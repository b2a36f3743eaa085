-- sample_authors: which authors are engaged with most?
--
-- :limit  int          maximum rows
-- :since  timestamptz  posts published since then count for the segment
--
-- One row per author, most engaged first; authors without posts have zeros. As fresh as the last
-- refresh. The segment is that of opportunity_authors, Average without recent posts.
WITH ever AS (
    SELECT author_id, count(*) AS posts, sum(total_engagements)::bigint AS engagements,
           round(avg(total_engagements), 2)::float8 AS average
      FROM published_stats
     GROUP BY author_id
), recent AS (
    SELECT s.author_id, a.author_category, count(*) AS posts,
           round(avg(s.total_engagements), 2) AS average
      FROM published_stats AS s
      JOIN authors AS a USING (author_id)
     WHERE s.publish_timestamp >= :'since'::timestamptz
     GROUP BY s.author_id, a.author_category
), benchmark AS (
    SELECT author_category,
           percentile_cont(0.5)  WITHIN GROUP (ORDER BY average) AS median,
           percentile_cont(0.75) WITHIN GROUP (ORDER BY average) AS p75
      FROM recent
     GROUP BY author_category
)
SELECT a.author_id, a.name, a.author_category AS category,
       coalesce(e.posts, 0)       AS total_posts,
       coalesce(e.engagements, 0) AS total_engagements,
       coalesce(e.average, 0)     AS avg_engagement_per_post,
       CASE WHEN r.posts >= 10 AND r.average < b.median THEN 'High Volume, Low Engagement'
            WHEN r.posts >= 10 AND r.average >= b.p75 THEN 'High Volume, High Engagement'
            WHEN r.posts < 5   AND r.average >= b.p75 THEN 'Low Volume, High Quality'
            ELSE 'Average'
        END AS performance_segment,
       x.external_id
  FROM authors AS a
  LEFT JOIN ever AS e USING (author_id)
  LEFT JOIN recent AS r USING (author_id)
  LEFT JOIN benchmark AS b ON b.author_category = a.author_category
  LEFT JOIN external_ids AS x ON x.kind = 'author' AND x.id = a.author_id
 ORDER BY total_engagements DESC, a.author_id
 LIMIT :limit::int;
