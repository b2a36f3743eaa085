-- ledger_signs: by what is a true count of all engagements known to stand?
--
-- One row: which partitions there are, as the sum of their OIDs, and the server's counters of
-- the rows that were ever inserted into them and deleted from them.
SELECT coalesce(sum(relation::bigint), 0)::bigint                       AS relations,
       coalesce(sum(pg_stat_get_tuples_inserted(relation)), 0)::bigint  AS inserted,
       coalesce(sum(pg_stat_get_tuples_deleted(relation)), 0)::bigint   AS deleted
  FROM engagement_partitions;
