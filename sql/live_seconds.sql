-- live_seconds: how many events happened in each of the last seconds?
--
-- :since  timestamptz  start of the first second
-- :until  timestamptz  end of the last second, exclusive
--
-- One row per second, in their order, empty ones with zeros. Events in flight are missing:
-- the last second may grow.
SELECT start, count(e.engaged_timestamp) AS events
  FROM generate_series(:'since'::timestamptz, :'until'::timestamptz - interval '1 second',
                       interval '1 second') AS start
  LEFT JOIN (SELECT engaged_timestamp
               FROM engagements
              WHERE engaged_timestamp >= :'since'::timestamptz
                AND engaged_timestamp < :'until'::timestamptz) AS e
       ON date_trunc('second', e.engaged_timestamp) = start
 GROUP BY start
 ORDER BY start;
