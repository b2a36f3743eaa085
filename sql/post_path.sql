-- post_path: how did a post's engagement grow with its age, compared with posts of its category?
--
-- :post_id  bigint       the post
-- :now      timestamptz  until when events count
-- :hours    float8[]     ages, at most 168; that of the post is added
-- :peers    int          maximum posts that it is compared with at an age
--
-- One row per age, or none for an unknown post. engagements: of the post until that age; null for ages
-- that it has not reached. peers: the latest posts of the category that are as old as this one and have
-- reached that age, and whose events of the first seven days were recorded and are stored. low_50 to
-- high_50 encloses half of them, low_80 to high_80 four of five; they are exact: no curve is fitted.
WITH own AS (
    SELECT *, least(:'now'::timestamptz - publish_timestamp, interval '7 days') AS age
      FROM posts
     WHERE post_id = :post_id::bigint
), points AS (
    SELECT a.age, row_number() OVER (ORDER BY a.age) AS place,
           :'now'::timestamptz - greatest(a.age, own.age) AS latest
      FROM own
     CROSS JOIN LATERAL (
           SELECT hours * interval '1 hour' AS age FROM unnest(:'hours'::float8[]) AS h (hours)
            UNION
           SELECT own.age WHERE own.age > interval '0') AS a
), recorded AS (
    SELECT p.post_id, p.publish_timestamp
      FROM recorded_posts(interval '7 days') AS p
      JOIN own USING (category)
     WHERE p.post_id <> own.post_id
       AND p.publish_timestamp <= (SELECT max(latest) FROM points)
), candidates AS (
    SELECT * FROM recorded WHERE publish_timestamp > (SELECT min(latest) FROM points)
     UNION ALL
    (SELECT * FROM recorded WHERE publish_timestamp <= (SELECT min(latest) FROM points)
      ORDER BY publish_timestamp DESC, post_id
      LIMIT :peers::int)
), pairs AS (
    SELECT pt.place, c.post_id
      FROM points AS pt
     CROSS JOIN LATERAL (
           SELECT post_id
             FROM candidates
            WHERE publish_timestamp <= pt.latest
            ORDER BY publish_timestamp DESC, post_id
            LIMIT :peers::int) AS c
), counted AS (
    -- by the ages between which the events happened
    SELECT s.post_id, e.place, e.events
      FROM (SELECT post_id, publish_timestamp, age FROM own
             UNION ALL
            SELECT post_id, publish_timestamp, interval '7 days' FROM candidates
             WHERE post_id IN (SELECT post_id FROM pairs)) AS s
     CROSS JOIN LATERAL (
           SELECT width_bucket(engaged_timestamp - s.publish_timestamp,
                               (SELECT array_agg(age ORDER BY age) FROM points)) AS place,
                  count(*) AS events
             FROM engagements
            WHERE post_id = s.post_id
              AND engaged_timestamp >= s.publish_timestamp
              AND engaged_timestamp < s.publish_timestamp + s.age
            GROUP BY 1) AS e
), others AS (
    SELECT p.place, p.post_id, coalesce(sum(c.events), 0) AS engagements
      FROM pairs AS p
      LEFT JOIN counted AS c ON c.post_id = p.post_id AND c.place < p.place
     GROUP BY p.place, p.post_id
), typical AS (
    SELECT place, count(*) AS peers,
           percentile_cont(0.5)  WITHIN GROUP (ORDER BY engagements::float8) AS median,
           percentile_disc(0.25) WITHIN GROUP (ORDER BY engagements)::float8 AS low_50,
           percentile_disc(0.75) WITHIN GROUP (ORDER BY engagements)::float8 AS high_50,
           percentile_disc(0.1)  WITHIN GROUP (ORDER BY engagements)::float8 AS low_80,
           percentile_disc(0.9)  WITHIN GROUP (ORDER BY engagements)::float8 AS high_80
      FROM others
     GROUP BY place
)
SELECT extract(epoch FROM pt.age)::float8 / 3600 AS hours,
       CASE WHEN pt.age <= own.age THEN coalesce(
           (SELECT sum(events) FROM counted AS c WHERE c.post_id = own.post_id AND c.place < pt.place),
           0) END::bigint AS engagements,
       coalesce(t.peers, 0) AS peers, t.median, t.low_50, t.high_50, t.low_80, t.high_80
  FROM points AS pt
 CROSS JOIN own
  LEFT JOIN typical AS t USING (place)
 ORDER BY pt.age;
