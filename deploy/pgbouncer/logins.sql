-- Creates the logins of the services behind pgbouncer. Run it once, as a role with CREATEROLE:
--   psql -f logins.sql engagement
-- and set the passwords by psql's \password, which shows them neither to other users nor to the log.
-- In transaction mode each transaction can have another connection, so the session settings of the
-- services belong to their logins.
CREATE ROLE engage_api LOGIN IN ROLE engage_reader;
ALTER ROLE engage_api SET default_transaction_read_only = on;
ALTER ROLE engage_api SET statement_timeout = '5s';
ALTER ROLE engage_api SET idle_in_transaction_session_timeout = '10s';
-- A report reads a few of some 400 daily partitions: generic plans for all of them, and JIT, take
-- longer than the query.
ALTER ROLE engage_api SET plan_cache_mode = force_custom_plan;
ALTER ROLE engage_api SET jit = off;

CREATE ROLE engage_catalogue LOGIN IN ROLE engage_editor;
ALTER ROLE engage_catalogue SET idle_in_transaction_session_timeout = '10s';
