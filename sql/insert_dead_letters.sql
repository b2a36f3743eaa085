-- insert_dead_letters: keep the records that cannot be stored, with their original bytes
--
-- :topic              text           the topic
-- :partitions         int[]          where each record stood; the other arrays run along
-- :offsets            bigint[]       where in the partition
-- :reasons            text[]         the snake_case reason
-- :details            text[]         one sentence
-- :record_timestamps  timestamptz[]  the record's own time
-- :keys               bytea[]        its key
-- :values             bytea[]        its value
--
-- No rows; a record that is read again, as an operator asked for, is kept once.
INSERT INTO dead_letters
       (topic, partition, "offset", reason, detail, record_timestamp, key, value)
SELECT :topic::text, d.*
  FROM unnest(:partitions::int[], :offsets::bigint[], :reasons::text[], :details::text[],
              :record_timestamps::timestamptz[], :keys::bytea[], :values::bytea[]) AS d
    ON CONFLICT DO NOTHING;
