-- post_benchmark: how does a post compare with earlier posts of its category at exactly the same age?
--
-- :post_id  bigint       the post
-- :now      timestamptz  until when its events count
-- :peers    int          maximum posts that it is compared with
--
-- One row, or none for an unknown post. age: of the post, at most seven days. peers: the latest posts
-- of the category that are at least as old, and whose events of the first seven days were recorded and are
-- stored. low and high enclose four of five of them, and are exact: no curve is fitted. rate_hours: the
-- last sixth of the age, but at least an hour, or all of it, and at most a day. lately: engagements in
-- these hours; median_lately: of the peers, at the same ages. known_engagements: those with a user.
WITH own AS (
    SELECT *, greatest(age - least(greatest(age / 6, interval '1 hour'), interval '1 day'),
                       interval '0') AS since
      FROM (SELECT p.*, least(:'now'::timestamptz - publish_timestamp, interval '7 days') AS age
              FROM posts AS p
             WHERE post_id = :post_id::bigint) AS p
), peers AS (
    SELECT p.post_id, p.publish_timestamp, own.age, own.since
      FROM recorded_posts(interval '7 days') AS p
      JOIN own USING (category)
     WHERE p.post_id <> own.post_id
       AND own.age >= interval '0'
       AND p.publish_timestamp <= :'now'::timestamptz - own.age
     ORDER BY p.publish_timestamp DESC, p.post_id
     LIMIT :peers::int
), counted AS (
    SELECT s.is_own, e.engagements, e.lately
      FROM (SELECT post_id, publish_timestamp, age, since, true AS is_own FROM own
             UNION ALL
            SELECT post_id, publish_timestamp, age, since, false FROM peers) AS s
     CROSS JOIN LATERAL (
           SELECT count(*) AS engagements,
                  count(*) FILTER (WHERE engaged_timestamp >= s.publish_timestamp + s.since) AS lately
             FROM engagements
            WHERE post_id = s.post_id
              AND engaged_timestamp >= s.publish_timestamp
              AND engaged_timestamp < s.publish_timestamp + s.age) AS e
), users AS (
    SELECT coalesce(sum(events), 0)::bigint AS known_engagements, count(*) AS active_users,
           coalesce(max(events), 0) AS top_user_engagements
      FROM (SELECT count(*) AS events
              FROM engagements AS e
              JOIN own USING (post_id)
             WHERE e.engaged_timestamp >= own.publish_timestamp
               AND e.engaged_timestamp < own.publish_timestamp + own.age
               AND e.user_id IS NOT NULL
             GROUP BY e.user_id) AS u
)
SELECT own.post_id, own.title, own.author_id, a.name AS author_name, own.category,
       own.publish_timestamp AS publish_date,
       extract(epoch FROM own.age)::float8 / 3600 AS age_hours,
       c.engagements, p.*,
       extract(epoch FROM greatest(own.age - own.since, '0'))::float8 / 3600 AS rate_hours, c.lately, u.*
  FROM own
  JOIN authors AS a USING (author_id)
 CROSS JOIN (SELECT engagements, lately FROM counted WHERE is_own) AS c
 CROSS JOIN users AS u
 CROSS JOIN LATERAL (
       SELECT count(*) AS peers,
              100 * (count(*) FILTER (WHERE engagements < c.engagements)
                     + count(*) FILTER (WHERE engagements = c.engagements) / 2.0)::float8
                  / nullif(count(*), 0) AS percentile,
              percentile_cont(0.5) WITHIN GROUP (ORDER BY engagements) AS median,
              percentile_disc(0.1) WITHIN GROUP (ORDER BY engagements)::float8 AS low,
              percentile_disc(0.9) WITHIN GROUP (ORDER BY engagements)::float8 AS high,
              percentile_cont(0.5) WITHIN GROUP (ORDER BY lately) AS median_lately
         FROM counted
        WHERE NOT is_own) AS p;
