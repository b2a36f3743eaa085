-- count_day: how many engagements has a UTC day?
--
-- :day  date  UTC day
--
-- One row.
SELECT count(*) AS rows
  FROM engagements
 WHERE engaged_timestamp >= (:'day'::date)::timestamp AT TIME ZONE 'UTC'
   AND engaged_timestamp <  (:'day'::date + 1)::timestamp AT TIME ZONE 'UTC';
