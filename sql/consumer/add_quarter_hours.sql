-- add_quarter_hours: count new engagements for their quarters of an hour
--
-- :quarters  timestamptz[]  starts of the quarters, ascending; the other arrays run along
-- :views     int[]          new views in each
-- :likes     int[]          new likes in each
-- :comments  int[]          new comments in each
-- :shares    int[]          new shares in each
--
-- No rows.
INSERT INTO quarter_hours AS q (quarter, views, likes, comments, shares)
SELECT * FROM unnest(:quarters::timestamptz[], :views::int[], :likes::int[],
                     :comments::int[], :shares::int[])
    ON CONFLICT (quarter) DO UPDATE
   SET views    = q.views + excluded.views,
       likes    = q.likes + excluded.likes,
       comments = q.comments + excluded.comments,
       shares   = q.shares + excluded.shares;
