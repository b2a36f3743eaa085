-- note_caught_up: these partitions had nothing more to read
--
-- :topic         text           the topic
-- :partitions    int[]          the partitions; the other arrays run along
-- :next_offsets  bigint[]       where each one stands; one that was moved meanwhile is left alone
-- :caught_up     timestamptz[]  when its log was read to its end
--
-- No rows.
UPDATE consumer_offsets AS o
   SET caught_up_timestamp = greatest(o.caught_up_timestamp, b.caught_up)
  FROM unnest(:partitions::int[], :next_offsets::bigint[], :caught_up::timestamptz[])
       AS b (partition, next_offset, caught_up)
 WHERE o.topic = :topic::text AND o.partition = b.partition AND o.next_offset = b.next_offset;
