-- ledger_offsets: what became of each partition's records?
--
-- :topic  text  the topic
--
-- One row a partition that was ever read.
SELECT topic, partition, first_offset, next_offset, stored, duplicates, dead_lettered, skipped,
       halt_reason
  FROM consumer_offsets
 WHERE topic = :'topic'::text
 ORDER BY partition;
