-- is_blocking: whether another session waits for a lock of this one
--
-- :pid  int  process ID of the session
--
-- One row.
SELECT EXISTS (SELECT FROM pg_locks
                WHERE NOT granted AND pid <> :pid::int
                  AND :pid::int = ANY (pg_blocking_pids(pid))) AS is_blocking;
