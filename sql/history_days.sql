-- history_days: where the events of each day of a period can be read
--
-- :first  date  first UTC day
-- :last   date  last UTC day
--
-- One row per day that is stored and had events. part: number of its file, if that has exactly the
-- stored events of the day; null: read the day from engagements.
SELECT day, v.events, s.part, s.file_sha256
  FROM engagement_partitions
  JOIN day_versions(:'first'::date, :'last'::date) AS v USING (day)
  LEFT JOIN (SELECT * FROM sealed_days WHERE state = 'sealed') AS s USING (day, version)
 WHERE day BETWEEN :'first'::date AND :'last'::date
   AND v.events > 0
 ORDER BY day;
