-- verify_offsets: partitions whose offsets and counters do not balance
--
-- One row per wrong partition.
SELECT topic, partition, next_offset - first_offset AS records_read,
       stored + duplicates + dead_lettered + skipped AS accounted
  FROM consumer_offsets
 WHERE next_offset - first_offset <> stored + duplicates + dead_lettered + skipped
 ORDER BY topic, partition;
