-- erase_in_dead_letter: keep a dead letter without what names the user
--
-- :erasure_id      bigint  the erasure
-- :dead_letter_id  bigint  the dead letter
-- :key             bytea   its new key
-- :value           bytea   its new value
-- :detail          text    its new detail
--
-- One row, which says nothing.
SELECT erase_in_dead_letter(:erasure_id::bigint, :dead_letter_id::bigint, :key::bytea,
                            :value::bytea, :detail::text);
