-- health_facts: facts of the health check that are not in the ledger
--
-- :expired_before  date  days before this one should have been dropped
--
-- One row: age in seconds of the data in engagement_stats, null before the first refresh; number of
-- daily partitions after today (UTC); oldest day that should have been dropped, or null.
SELECT (SELECT extract(epoch FROM now() - data_as_of)::double precision
          FROM stats_refresh WHERE isfinite(data_as_of))        AS view_age_seconds,
       (SELECT count(*) FROM engagement_partitions
         WHERE day > (now() AT TIME ZONE 'UTC')::date)          AS partitions_ahead,
       (SELECT min(day) FROM engagement_partitions AS p
         WHERE day < :'expired_before'::date
           AND NOT EXISTS (SELECT FROM archived_partitions AS a
                            WHERE a.day = p.day
                              AND a.keep_until >= current_date)) AS oldest_overdue;
