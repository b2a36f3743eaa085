-- advance_offsets: account for the records that this transaction dealt with
--
-- :topic                   text           the topic
-- :partitions              int[]          the partitions of the batch; the other arrays run along
-- :next_offsets            bigint[]       where each one goes on
-- :stored                  int[]          records that became rows
-- :duplicates              int[]          records whose identity was stored before
-- :dead_lettered           int[]          records that became dead letters
-- :skipped                 int[]          offsets without a record to read
-- :dead_in_a_row           int[]          dead letters since the last good record
-- :fingerprint_offsets     bigint[]       the last record read; null: unchanged
-- :fingerprint_timestamps  bigint[]       its time, milliseconds since 1970
-- :fingerprint_crcs        bigint[]       CRC-32 of its key and value
-- :caught_up               timestamptz[]  when each one's log was read to its end; null: it was not
-- :received                timestamptz[]  when each one's first row was received; null: it has none
--
-- No rows.
UPDATE consumer_offsets AS o
   SET next_offset           = b.next_offset,
       stored                = o.stored + b.stored,
       duplicates            = o.duplicates + b.duplicates,
       dead_lettered         = o.dead_lettered + b.dead_lettered,
       skipped               = o.skipped + b.skipped,
       dead_in_a_row         = b.dead_in_a_row,
       fingerprint_offset    = coalesce(b.fingerprint_offset, o.fingerprint_offset),
       fingerprint_timestamp = coalesce(b.fingerprint_timestamp, o.fingerprint_timestamp),
       fingerprint_crc       = coalesce(b.fingerprint_crc, o.fingerprint_crc),
       caught_up_timestamp   = coalesce(b.caught_up, o.caught_up_timestamp),
       latency_seconds       = extract(epoch FROM clock_timestamp() - b.received),
       updated_timestamp     = now()
  FROM unnest(:partitions::int[], :next_offsets::bigint[], :stored::int[], :duplicates::int[],
              :dead_lettered::int[], :skipped::int[], :dead_in_a_row::int[],
              :fingerprint_offsets::bigint[], :fingerprint_timestamps::bigint[],
              :fingerprint_crcs::bigint[], :caught_up::timestamptz[],
              :received::timestamptz[])
       AS b (partition, next_offset, stored, duplicates, dead_lettered, skipped, dead_in_a_row,
             fingerprint_offset, fingerprint_timestamp, fingerprint_crc, caught_up, received)
 WHERE o.topic = :topic::text AND o.partition = b.partition;
