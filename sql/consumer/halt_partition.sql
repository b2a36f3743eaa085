-- halt_partition: stop a partition until an operator resumes it
--
-- :topic        text    topic
-- :partition    int     partition
-- :reason       text    snake_case reason
-- :detail       text    details for the operator
-- :next_offset  bigint  expected next offset
--
-- One row; none if the next offset changed meanwhile or the partition is halted already.
UPDATE consumer_offsets
   SET halt_reason = :reason::text, halt_detail = :detail::text, halted_timestamp = now()
 WHERE topic = :topic::text AND partition = :partition::int AND halt_reason IS NULL
   AND next_offset = :next_offset::bigint
RETURNING partition;
