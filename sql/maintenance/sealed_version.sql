-- sealed_version: version and fingerprint of the events of a day
--
-- :day  date  the UTC day
--
-- One row, or none for a day that never had an event.
SELECT v.version, f.rows, f.digest
  FROM day_versions(:'day'::date, :'day'::date) AS v
 CROSS JOIN day_fingerprint(:'day'::date) AS f;
