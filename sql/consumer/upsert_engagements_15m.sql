-- upsert_engagements_15m: add new engagements to their 15-minute buckets
--
-- :buckets   timestamptz[]  starts of the buckets, ascending; the other arrays are parallel
-- :views     int[]          new views in each
-- :likes     int[]          new likes in each
-- :comments  int[]          new comments in each
-- :shares    int[]          new shares in each
--
-- No rows.
INSERT INTO engagements_15m AS q (bucket, views, likes, comments, shares)
SELECT * FROM unnest(:buckets::timestamptz[], :views::int[], :likes::int[],
                     :comments::int[], :shares::int[])
    ON CONFLICT (bucket) DO UPDATE
   SET views    = q.views + excluded.views,
       likes    = q.likes + excluded.likes,
       comments = q.comments + excluded.comments,
       shares   = q.shares + excluded.shares;
