-- day_to_seal: the day whose file is written next
--
-- :first          date         oldest day to consider
-- :last           date         newest day to consider
-- :sealed_before  timestamptz  a file that was written later is not replaced yet
--
-- One row, or none: the newest day without a file, or else the newest day whose file is stale.
SELECT day
  FROM engagement_partitions
  JOIN day_versions(:'first'::date, :'last'::date) AS v USING (day)
  LEFT JOIN (SELECT * FROM sealed_days WHERE state = 'sealed') AS s USING (day)
 WHERE v.events > 0
   AND s.version IS DISTINCT FROM v.version
   AND (s.sealed_timestamp < :'sealed_before'::timestamptz) IS NOT FALSE
 ORDER BY s.version IS NOT NULL, day DESC
 LIMIT 1;
