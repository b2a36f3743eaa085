-- watch_facts: what the watch asks besides the ledger
--
-- One row: the age in seconds of what engagement_stats shows, null before the first refresh;
-- how many daily partitions exist after today, UTC.
SELECT (SELECT extract(epoch FROM now() - data_as_of)::double precision
          FROM stats_refresh WHERE isfinite(data_as_of))        AS view_age_seconds,
       (SELECT count(*) FROM engagement_partitions
         WHERE day > (now() AT TIME ZONE 'UTC')::date)          AS partitions_ahead;
