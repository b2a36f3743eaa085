-- erase_day: take the user out of one UTC day
--
-- :erasure_id  bigint  the erasure
-- :day         date    the day
--
-- One row: how many events were changed.
SELECT erase_day(:erasure_id::bigint, :'day'::date) AS events;
