-- lock_offsets: where do these partitions stand, while nobody else may move them?
--
-- :topic       text   the topic
-- :partitions  int[]  its partitions, ascending, so that two consumers never deadlock
--
-- One row a partition that has an offset row; has_retractions is the same in each.
SELECT partition, next_offset, halt_reason,
       EXISTS (SELECT FROM retractions) AS has_retractions
  FROM consumer_offsets
 WHERE topic = :topic::text AND partition = ANY (:partitions::int[])
 ORDER BY partition
   FOR UPDATE;
