-- forget_seal: delete the row of a file that was deleted
--
-- :day   date  the UTC day
-- :part  int   number of the file
--
-- No rows.
DELETE FROM sealed_days WHERE day = :'day'::date AND part = :part::int AND state <> 'sealed';
