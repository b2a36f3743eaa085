-- read_external_id_version: version of the external IDs' numbers
--
-- One row. While it is the same, cached numbers are valid; it does not change before the
-- transaction ends.
SELECT external_id_stamp();
