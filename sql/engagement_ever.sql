-- engagement_ever: how was a post engaged with, including expired days?
--
-- :post_id  bigint  ID of the post
--
-- One row, or none for a post that is not in the catalogue. Live: from the rollup of each post.
SELECT p.post_id, p.title, a.author_id, a.name AS author_name, p.category,
       p.publish_timestamp AS publish_date,
       coalesce(t.views, 0)    AS views,
       coalesce(t.likes, 0)    AS likes,
       coalesce(t.comments, 0) AS comments,
       coalesce(t.shares, 0)   AS shares,
       x.external_id
  FROM posts AS p
  JOIN authors AS a USING (author_id)
  LEFT JOIN external_ids AS x ON x.kind = 'post' AND x.id = p.post_id
  LEFT JOIN post_totals AS t USING (post_id)
 WHERE p.post_id = :post_id::bigint;
