-- begin_seal: record a file before it is created
--
-- :day   date  the UTC day
-- :part  int   number of the file
--
-- No rows.
INSERT INTO sealed_days (day, part) VALUES (:'day'::date, :part::int);
