-- sample_posts: which posts are engaged with most?
--
-- :limit  int  maximum rows
--
-- One row per post, most engaged first. As of the last refresh.
SELECT s.post_id, s.title, a.name AS author, s.category, s.publish_timestamp AS publish_date,
       s.view_count AS views, s.like_count AS likes, s.comment_count AS comments,
       s.share_count AS shares, s.total_engagements, x.external_id
  FROM published_stats AS s
  JOIN authors AS a USING (author_id)
  LEFT JOIN external_ids AS x ON x.kind = 'post' AND x.id = s.post_id
 ORDER BY s.total_engagements DESC, s.post_id
 LIMIT :limit::int;
