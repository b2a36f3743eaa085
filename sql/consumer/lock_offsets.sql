-- lock_offsets: read the offset rows of these partitions, and lock them
--
-- :topic       text   topic
-- :partitions  int[]  partitions; rows are locked in ascending order, so consumers never deadlock
--
-- One row per partition that has an offset row; has_retractions is the same in each.
SELECT partition, next_offset, halt_reason,
       EXISTS (SELECT FROM retractions) AS has_retractions
  FROM consumer_offsets
 WHERE topic = :topic::text AND partition = ANY (:partitions::int[])
 ORDER BY partition
   FOR UPDATE;
