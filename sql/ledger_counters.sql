-- ledger_counters: has any session inserted or deleted engagements since the last full count?
--
-- One row: the sum of the OIDs of the partitions, and PostgreSQL's counters of rows inserted into
-- them and deleted from them. An earlier count is still right while all three are unchanged.
SELECT coalesce(sum(relation::bigint), 0)::bigint                       AS relations,
       coalesce(sum(pg_stat_get_tuples_inserted(relation)), 0)::bigint  AS inserted,
       coalesce(sum(pg_stat_get_tuples_deleted(relation)), 0)::bigint   AS deleted
  FROM engagement_partitions;
