-- consumer_positions: positions of the consumer, and halted partitions
--
-- :topic  text  the topic
--
-- One row per partition that has an offset row.
SELECT partition, first_offset, next_offset, halt_reason, halt_detail
  FROM consumer_offsets
 WHERE topic = :'topic'::text
 ORDER BY partition;
