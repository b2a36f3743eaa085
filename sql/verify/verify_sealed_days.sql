-- verify_sealed_days: sealed days whose file was written from other events than are stored
--
-- One row per day. A day whose version differs is stale: it is read from engagements.
SELECT s.day, s.rows AS sealed_rows, f.rows AS stored_rows
  FROM sealed_days AS s
  JOIN engagement_partitions USING (day)
  JOIN day_versions((SELECT min(day) FROM sealed_days), (SELECT max(day) FROM sealed_days)) AS v
       USING (day, version)
 CROSS JOIN LATERAL day_fingerprint(s.day) AS f
 WHERE s.state = 'sealed'
   AND (s.rows, s.digest) IS DISTINCT FROM (f.rows, f.digest)
 ORDER BY s.day;
