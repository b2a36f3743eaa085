-- stale_statistics: partitions whose planner statistics are out of date
--
-- One row per day, most changed first. A null day means the whole table, which takes longest.
WITH partitions AS (
    SELECT p.day, s.n_mod_since_analyze AS changed,
           greatest(s.n_live_tup, c.reltuples::bigint, 0) AS rows
      FROM engagement_partitions AS p
      JOIN pg_class AS c ON c.oid = p.relation
      JOIN pg_stat_user_tables AS s ON s.relid = p.relation
), whole AS (
    SELECT c.reltuples AS rows_then, s.last_analyze,
           (SELECT coalesce(sum(rows), 0) FROM partitions)    AS rows,
           (SELECT coalesce(sum(changed), 0) FROM partitions) AS changed
      FROM pg_class AS c
      JOIN pg_stat_user_tables AS s ON s.relid = c.oid
     WHERE c.oid = 'engagements'::regclass
)
SELECT day
  FROM partitions
 -- The same threshold as autovacuum's, for servers without it.
 WHERE changed > 50 + 0.1 * rows
UNION ALL
SELECT NULL::date
  FROM whole
 WHERE rows_then < 0
    OR abs(rows - rows_then) > 1000 + 0.5 * rows_then
    OR (changed > 0 AND coalesce(last_analyze, '-infinity') < now() - interval '1 day')
 ORDER BY day;
