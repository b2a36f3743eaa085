-- wal_position: at which position of the write-ahead log is this server?
--
-- One row, in bytes since the first log: written by a primary, replayed by a replica.
SELECT pg_is_in_recovery() AS is_replica,
       (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END
        - '0/0'::pg_lsn)::bigint AS position_bytes;
