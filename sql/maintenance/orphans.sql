-- orphans: posts that have engagements and are not in the catalogue
--
-- One row per post ID, most engaged first, without deleted posts. Their numbers appear in the reports
-- as soon as the catalogue has the post.
SELECT t.post_id, e.external_id, t.views + t.likes + t.comments + t.shares AS engagements
  FROM post_totals AS t
  LEFT JOIN external_ids AS e ON e.kind = 'post' AND e.id = t.post_id
 WHERE NOT EXISTS (SELECT FROM posts AS p WHERE p.post_id = t.post_id)
   AND NOT EXISTS (SELECT FROM deleted_posts AS d WHERE d.post_id = t.post_id)
 ORDER BY engagements DESC, t.post_id;
