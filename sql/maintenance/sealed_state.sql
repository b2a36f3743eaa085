-- sealed_state: how many finished days have a file
--
-- :first  date  oldest day to consider
-- :last   date  newest day to consider
--
-- One row: numbers of days whose file has all their events, and of those whose file is stale; oldest
-- day without a current file, or null.
SELECT count(*) FILTER (WHERE s.version = v.version)             AS sealed,
       count(*) FILTER (WHERE s.version <> v.version)            AS stale,
       min(day) FILTER (WHERE s.version IS DISTINCT FROM v.version) AS oldest_unsealed
  FROM engagement_partitions
  JOIN day_versions(:'first'::date, :'last'::date) AS v USING (day)
  LEFT JOIN (SELECT * FROM sealed_days WHERE state = 'sealed') AS s USING (day)
 WHERE v.events > 0;
