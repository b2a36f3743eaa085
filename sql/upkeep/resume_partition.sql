-- resume_partition: let a halted partition go on, from where a person decided
--
-- :topic      text    the topic
-- :partition  int     the partition
-- :target     bigint  the next offset to read; null: where it stands
--
-- No rows. What is passed over counts as skipped; what is read again shifts the account's beginning
-- along: either way it still adds up. The fingerprint is forgotten by a move, as it speaks of
-- another record, and where the log was found to be another one, as the person has taken that log
-- to be right.
WITH chosen AS (
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
       dead_in_a_row         = 0,
       halt_reason           = NULL,
       halt_detail           = NULL,
       halted_timestamp      = NULL,
       updated_timestamp     = now()
  FROM chosen AS c
 WHERE o.topic = c.topic AND o.partition = c.partition;
