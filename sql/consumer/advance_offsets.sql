-- advance_offsets: move the offset rows of a batch, and add to their counters
--
-- :topic                   text           topic
-- :partitions              int[]          partitions of the batch; the other arrays are parallel
-- :next_offsets            bigint[]       next offset to consume
-- :stored                  int[]          records that became rows
-- :duplicates              int[]          records whose identity was stored before
-- :dead_lettered           int[]          records that became dead letters
-- :skipped                 int[]          offsets without an event to store
-- :consecutive_dead_letters  int[]        dead letters since the last good record
-- :fingerprint_offsets     bigint[]       offset of the last record; null: unchanged
-- :fingerprint_timestamps  bigint[]       its time, milliseconds since 1970
-- :fingerprint_crcs        bigint[]       CRC-32 of its key and value
-- :caught_up               timestamptz[]  when the partition was read to its end; null: it was not
-- :received                timestamptz[]  when the first row was received; null without rows
--
-- No rows.
UPDATE consumer_offsets AS o
   SET next_offset           = b.next_offset,
       stored                = o.stored + b.stored,
       duplicates            = o.duplicates + b.duplicates,
       dead_lettered         = o.dead_lettered + b.dead_lettered,
       skipped               = o.skipped + b.skipped,
       consecutive_dead_letters = b.consecutive_dead_letters,
       fingerprint_offset    = coalesce(b.fingerprint_offset, o.fingerprint_offset),
       fingerprint_timestamp = coalesce(b.fingerprint_timestamp, o.fingerprint_timestamp),
       fingerprint_crc       = coalesce(b.fingerprint_crc, o.fingerprint_crc),
       caught_up_timestamp   = coalesce(b.caught_up, o.caught_up_timestamp),
       latency_seconds       = extract(epoch FROM clock_timestamp() - b.received),
       updated_timestamp     = now()
  FROM unnest(:partitions::int[], :next_offsets::bigint[], :stored::int[], :duplicates::int[],
              :dead_lettered::int[], :skipped::int[], :consecutive_dead_letters::int[],
              :fingerprint_offsets::bigint[], :fingerprint_timestamps::bigint[],
              :fingerprint_crcs::bigint[], :caught_up::timestamptz[],
              :received::timestamptz[])
       AS b (partition, next_offset, stored, duplicates, dead_lettered, skipped,
             consecutive_dead_letters, fingerprint_offset, fingerprint_timestamp, fingerprint_crc,
             caught_up, received)
 WHERE o.topic = :topic::text AND o.partition = b.partition;
