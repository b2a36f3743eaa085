-- halt_partition: stop this partition until a person decides
--
-- :topic        text    the topic
-- :partition    int     the partition
-- :reason       text    the snake_case reason
-- :detail       text    the facts, for the operator
-- :next_offset  bigint  where it stood when this was found out
--
-- One row if it was; none if it was moved meanwhile. A halt that stands already is kept.
UPDATE consumer_offsets
   SET halt_reason = :reason::text, halt_detail = :detail::text, halted_timestamp = now()
 WHERE topic = :topic::text AND partition = :partition::int AND halt_reason IS NULL
   AND next_offset = :next_offset::bigint
RETURNING partition;
