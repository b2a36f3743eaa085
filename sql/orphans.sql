-- orphans: which posts have engagements but are not in the catalogue?
--
-- One row a post id, the most engaged first. Their numbers show as soon as the post is there.
SELECT t.post_id, t.views + t.likes + t.comments + t.shares AS engagements
  FROM post_totals AS t
 WHERE NOT EXISTS (SELECT FROM posts AS p WHERE p.post_id = t.post_id)
 ORDER BY engagements DESC, t.post_id;
