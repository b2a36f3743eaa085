-- ledger_totals: what came and went by other ways than the topic, over all topics?
--
-- One row: rows stored from all topics, from replays; of expired partitions, taken back.
SELECT (SELECT coalesce(sum(stored), 0)::bigint FROM consumer_offsets) AS stored,
       (SELECT replayed FROM ledger_totals)                            AS replayed,
       (SELECT coalesce(sum(rows), 0)::bigint FROM expired_partitions) AS expired,
       (SELECT count(*) FROM retractions WHERE is_removed)             AS retracted;
