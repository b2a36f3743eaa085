-- watch_facts: what the watch asks besides the ledger
--
-- :expired_before  date  days before it are past retention, and were so a day ago
--
-- One row: the age in seconds of what engagement_stats shows, null before the first refresh;
-- how many daily partitions exist after today, UTC; the oldest day that should have expired, or null.
SELECT (SELECT extract(epoch FROM now() - data_as_of)::double precision
          FROM stats_refresh WHERE isfinite(data_as_of))        AS view_age_seconds,
       (SELECT count(*) FROM engagement_partitions
         WHERE day > (now() AT TIME ZONE 'UTC')::date)          AS partitions_ahead,
       (SELECT min(day) FROM engagement_partitions AS p
         WHERE day < :'expired_before'::date
           AND NOT EXISTS (SELECT FROM archived_partitions AS a
                            WHERE a.day = p.day
                              AND a.keep_until >= current_date)) AS oldest_overdue;
