-- erase_day: erase a user from the events of one UTC day
--
-- :erasure_id  bigint  the erasure
-- :day         date    the day
--
-- One row: number of changed events.
SELECT erase_day(:erasure_id::bigint, :'day'::date) AS events;
