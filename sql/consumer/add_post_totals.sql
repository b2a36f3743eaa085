-- add_post_totals: count new engagements for their posts
--
-- :post_ids  bigint[]  the posts, ascending; the other arrays run along
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
