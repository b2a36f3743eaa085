-- read_offsets: where to go on in these partitions
--
-- :topic       text   topic
-- :partitions  int[]  partitions
--
-- One row per partition that has an offset row.
SELECT partition, next_offset, consecutive_dead_letters, halt_reason, halt_detail,
       fingerprint_offset, fingerprint_timestamp, fingerprint_crc
  FROM consumer_offsets
 WHERE topic = :topic::text AND partition = ANY (:partitions::int[]);
