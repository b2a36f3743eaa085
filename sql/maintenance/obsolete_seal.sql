-- obsolete_seal: replace the file of a day
--
-- :day  date  the UTC day
--
-- No rows.
UPDATE sealed_days SET state = 'obsolete' WHERE day = :'day'::date AND state = 'sealed';
