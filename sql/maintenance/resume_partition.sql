-- resume_partition: resume a halted partition at a given offset
--
-- :topic      text    the topic
-- :partition  int     the partition
-- :target     bigint  next offset to read; null: the current position
--
-- No rows. Offsets that are skipped count as skipped; reading offsets again moves first_offset back by
-- as many, so that the row stays balanced either way. The fingerprint belongs to the record before the
-- position, so a move clears it. It is also cleared after log_diverged, as the operator has accepted
-- the log.
WITH current AS (
    SELECT topic, partition,
           :target::bigint IS NULL AND halt_reason IS DISTINCT FROM 'log_diverged' AS keeps_fingerprint
      FROM consumer_offsets
     WHERE topic = :'topic'::text AND partition = :partition::int
)
UPDATE consumer_offsets AS o
   SET first_offset          = o.first_offset + least(coalesce(:target::bigint - o.next_offset, 0), 0),
       next_offset           = coalesce(:target::bigint, o.next_offset),
       skipped               = o.skipped + greatest(coalesce(:target::bigint - o.next_offset, 0), 0),
       fingerprint_offset    = CASE WHEN keeps_fingerprint THEN o.fingerprint_offset END,
       fingerprint_timestamp = CASE WHEN keeps_fingerprint THEN o.fingerprint_timestamp END,
       fingerprint_crc       = CASE WHEN keeps_fingerprint THEN o.fingerprint_crc END,
       consecutive_dead_letters = 0,
       halt_reason           = NULL,
       halt_detail           = NULL,
       halted_timestamp      = NULL,
       updated_timestamp     = now()
  FROM current AS c
 WHERE o.topic = c.topic AND o.partition = c.partition;
