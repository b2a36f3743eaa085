-- engagement: how was a post engaged with since an instant?
--
-- :post_id  bigint       ID of the post
-- :since    timestamptz  engagements since then
--
-- One row, or none for a post that is not in the catalogue. Live: from the raw rows.
SELECT p.post_id, p.title, a.author_id, a.name AS author_name, p.category,
       p.publish_timestamp AS publish_date,
       e.views, e.likes, e.comments, e.shares, x.external_id
  FROM posts AS p
  JOIN authors AS a USING (author_id)
  LEFT JOIN external_ids AS x ON x.kind = 'post' AND x.id = p.post_id
 CROSS JOIN LATERAL (
       SELECT count(*) FILTER (WHERE type = 'view')    AS views,
              count(*) FILTER (WHERE type = 'like')    AS likes,
              count(*) FILTER (WHERE type = 'comment') AS comments,
              count(*) FILTER (WHERE type = 'share')   AS shares
         FROM engagements
        WHERE post_id = :post_id::bigint AND engaged_timestamp >= :'since'::timestamptz) AS e
 WHERE p.post_id = :post_id::bigint;
