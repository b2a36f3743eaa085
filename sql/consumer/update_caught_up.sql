-- update_caught_up: record that partitions were read to their end
--
-- :topic         text           topic
-- :partitions    int[]          partitions; the other arrays are parallel
-- :next_offsets  bigint[]       expected next offset; a partition with another one is not updated
-- :caught_up     timestamptz[]  when the partition was read to its end
--
-- No rows.
UPDATE consumer_offsets AS o
   SET caught_up_timestamp = greatest(o.caught_up_timestamp, b.caught_up)
  FROM unnest(:partitions::int[], :next_offsets::bigint[], :caught_up::timestamptz[])
       AS b (partition, next_offset, caught_up)
 WHERE o.topic = :topic::text AND o.partition = b.partition AND o.next_offset = b.next_offset;
