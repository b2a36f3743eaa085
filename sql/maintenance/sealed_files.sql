-- sealed_files: files of sealed days
--
-- One row per file, oldest day first, also of those that are still to be deleted.
SELECT day, part, state, rows, bytes, sha256, file_sha256
  FROM sealed_days
 ORDER BY day, part;
