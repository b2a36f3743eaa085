-- ledger_offsets: what became of each partition's records?
--
-- :topic  text  topic of the events
--
-- One row per partition that was ever read.
SELECT topic, partition, first_offset, next_offset, stored, duplicates, dead_lettered, skipped,
       halt_reason, halt_detail
  FROM consumer_offsets
 WHERE topic = :'topic'::text
 ORDER BY partition;
