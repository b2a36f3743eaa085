-- insert_dead_letters: store records that cannot become rows, with their original bytes
--
-- :topic              text           topic
-- :partitions         int[]          partition of each record; the other arrays are parallel
-- :offsets            bigint[]       its offset
-- :reasons            text[]         snake_case reason
-- :details            text[]         one sentence
-- :record_timestamps  timestamptz[]  the record's own time
-- :keys               bytea[]        its key
-- :values             bytea[]        its value
-- :event_ids          uuid[]         the event's ID, if it can be read
--
-- No rows; a record that is consumed again, after a resume, stays one dead letter.
INSERT INTO dead_letters
       (topic, partition, "offset", reason, detail, record_timestamp, key, value, event_id)
SELECT :topic::text, d.*
  FROM unnest(:partitions::int[], :offsets::bigint[], :reasons::text[], :details::text[],
              :record_timestamps::timestamptz[], :keys::bytea[], :values::bytea[],
              :event_ids::uuid[]) AS d
    ON CONFLICT DO NOTHING;
