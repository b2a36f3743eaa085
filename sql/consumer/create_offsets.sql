-- create_offsets: begin the account of partitions that are seen for the first time
--
-- :topic       text      the topic
-- :partitions  int[]     partitions without an offset row
-- :starts      bigint[]  the first offset still in each one's log
--
-- No rows; a partition that has a row keeps it.
INSERT INTO consumer_offsets (topic, partition, first_offset, next_offset)
SELECT :topic::text, p.partition, p.start, p.start
  FROM unnest(:partitions::int[], :starts::bigint[]) AS p (partition, start)
    ON CONFLICT DO NOTHING;
