-- upsert_post_totals: add new engagements to the totals of their posts
--
-- :post_ids  bigint[]  posts, ascending; the other arrays are parallel
-- :views     int[]     new views of each
-- :likes     int[]     new likes of each
-- :comments  int[]     new comments of each
-- :shares    int[]     new shares of each
--
-- No rows.
INSERT INTO post_totals AS t (post_id, views, likes, comments, shares)
SELECT * FROM unnest(:post_ids::bigint[], :views::int[], :likes::int[],
                     :comments::int[], :shares::int[])
    ON CONFLICT (post_id) DO UPDATE
   SET views    = t.views + excluded.views,
       likes    = t.likes + excluded.likes,
       comments = t.comments + excluded.comments,
       shares   = t.shares + excluded.shares;
