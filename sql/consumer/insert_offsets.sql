-- insert_offsets: create the offset rows of new partitions
--
-- :topic       text      topic
-- :partitions  int[]     partitions without an offset row
-- :starts      bigint[]  first offset of each that Kafka still has
--
-- No rows; existing offset rows stay.
INSERT INTO consumer_offsets (topic, partition, first_offset, next_offset)
SELECT :topic::text, p.partition, p.start, p.start
  FROM unnest(:partitions::int[], :starts::bigint[]) AS p (partition, start)
    ON CONFLICT DO NOTHING;
