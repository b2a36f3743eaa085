-- has_archive: is any day in the archive?
--
-- One row.
SELECT EXISTS (SELECT FROM archived_partitions) AS has_archive;
