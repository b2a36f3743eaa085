-- read_offsets: from where do these partitions go on?
--
-- :topic       text   the topic
-- :partitions  int[]  its partitions
--
-- One row a partition that has an offset row.
SELECT partition, next_offset, dead_in_a_row, halt_reason, halt_detail,
       fingerprint_offset, fingerprint_timestamp, fingerprint_crc
  FROM consumer_offsets
 WHERE topic = :topic::text AND partition = ANY (:partitions::int[]);
