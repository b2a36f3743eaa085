-- read_erasure_version: version of the list of erased users
--
-- One row. No erasure begins before the transaction ends.
SELECT erasure_version();
