-- ledger_days: how many rows should each daily partition have, and was it ever deleted from?
--
-- One row per partition. The server's counters of inserted and deleted rows show whether an
-- earlier count may have changed.
SELECT p.day, coalesce(q.rows, 0)::bigint AS rows,
       pg_stat_get_tuples_inserted(p.relation) AS inserted,
       pg_stat_get_tuples_deleted(p.relation)  AS deleted
  FROM engagement_partitions AS p
  LEFT JOIN (
       SELECT (midnight AT TIME ZONE 'UTC')::date AS day, rows
         FROM (SELECT date_bin('1 day', bucket, 'epoch'::timestamptz) AS midnight,
                      sum(views + likes + comments + shares) AS rows
                 FROM engagements_15m
                GROUP BY 1) AS counted) AS q USING (day)
 ORDER BY p.day;
