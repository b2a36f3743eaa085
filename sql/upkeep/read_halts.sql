-- read_halts: where does the consumer stand, and which partitions are halted?
--
-- :topic  text  the topic
--
-- One row a partition that has an offset row.
SELECT partition, first_offset, next_offset, halt_reason, halt_detail
  FROM consumer_offsets
 WHERE topic = :'topic'::text
 ORDER BY partition;
