-- categories_top: which categories lead, by engagement or by posts?
--
-- :metric  text  engagement or posts
-- :limit   int   maximum rows
--
-- One row per category of posts, best first. As of the last refresh.
WITH by_author AS (
    SELECT category, author_id,
           sum(total_engagements)::bigint AS engagements,
           count(*)                       AS posts
      FROM published_stats
     GROUP BY category, author_id
), by_category AS (
    SELECT category,
           sum(engagements)::bigint AS total_engagements,
           sum(posts)::bigint       AS total_posts,
           (array_agg(author_id ORDER BY engagements DESC, author_id))[1] AS top_author_id
      FROM by_author
     GROUP BY category
)
SELECT c.category, c.total_engagements, c.total_posts,
       round(c.total_engagements::numeric / c.total_posts, 2)::float8 AS avg_engagement_per_post,
       a.name AS top_author,
       row_number() OVER (ORDER BY CASE :'metric'::text WHEN 'posts' THEN c.total_posts
                                                        ELSE c.total_engagements END DESC,
                                   c.category) AS rank
  FROM by_category AS c
  JOIN authors AS a ON a.author_id = c.top_author_id
 ORDER BY rank
 LIMIT :limit::int;
