-- redact_dead_letter: replace a dead letter by a version without the user
--
-- :erasure_id      bigint  the erasure
-- :dead_letter_id  bigint  the dead letter
-- :key             bytea   new key
-- :value           bytea   new value
-- :detail          text    new detail
--
-- One row without content.
SELECT redact_dead_letter(:erasure_id::bigint, :dead_letter_id::bigint, :key::bytea,
                            :value::bytea, :detail::text);
