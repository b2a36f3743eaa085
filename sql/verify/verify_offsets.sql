-- verify_offsets: in which partitions does the account of records not add up?
--
-- One row a partition whose offsets and counters differ.
SELECT topic, partition, next_offset - first_offset AS records_read,
       stored + duplicates + dead_lettered + skipped AS accounted
  FROM consumer_offsets
 WHERE next_offset - first_offset <> stored + duplicates + dead_lettered + skipped
 ORDER BY topic, partition;
