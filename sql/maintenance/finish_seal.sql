-- finish_seal: record that a file has the events of its day
--
-- :day          date     the UTC day
-- :part         int      number of the file
-- :version      text     of the events in the file
-- :rows         bigint   number of events
-- :digest       numeric  fingerprint of the events in the database
-- :bytes        bigint   size of the file
-- :sha256       text     digest of the file's values
-- :file_sha256  text     digest of the file
--
-- No rows. A day that was dropped meanwhile is left as it is.
UPDATE sealed_days
   SET state = 'sealed', version = :'version'::text, rows = :rows::bigint, digest = :digest::numeric,
       bytes = :bytes::bigint, sha256 = :'sha256'::text, file_sha256 = :'file_sha256'::text,
       sealed_timestamp = now()
 WHERE day = :'day'::date AND part = :part::int AND state = 'writing';
