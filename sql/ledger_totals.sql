-- ledger_totals: how many rows were stored, replayed, expired and retracted, over all topics?
--
-- One row.
SELECT (SELECT coalesce(sum(stored), 0)::bigint FROM consumer_offsets) AS stored,
       (SELECT replayed FROM ledger_totals)                            AS replayed,
       (SELECT coalesce(sum(rows), 0)::bigint FROM expired_partitions) AS expired,
       (SELECT count(*) FROM retractions WHERE is_applied)             AS retracted;
