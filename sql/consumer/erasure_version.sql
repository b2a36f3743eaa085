-- erasure_version: has the list of erased users changed?
--
-- One row. Until the transaction ends, no erasure begins.
SELECT erasure_version();
