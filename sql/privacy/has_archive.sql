-- has_archive: whether any day is in the archive
--
-- One row.
SELECT EXISTS (SELECT FROM archived_partitions) AS has_archive;
