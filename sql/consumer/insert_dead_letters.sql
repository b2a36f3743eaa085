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
-- :event_ids          uuid[]         the event's id, where it can be read
--
-- No rows; a record that is read again, as an operator asked for, is kept once.
INSERT INTO dead_letters
       (topic, partition, "offset", reason, detail, record_timestamp, key, value, event_id)
SELECT :topic::text, d.*
  FROM unnest(:partitions::int[], :offsets::bigint[], :reasons::text[], :details::text[],
              :record_timestamps::timestamptz[], :keys::bytea[], :values::bytea[],
              :event_ids::uuid[]) AS d
    ON CONFLICT DO NOTHING;
