-- The logins of the services behind pgbouncer, once, as a superuser or a role that may make roles:
--   psql -v api_password=… -v catalogue_password=… -f logins.sql engagement
-- In transaction mode a connection is another one with every transaction, so what the services
-- otherwise say when they connect belongs to the login itself.
CREATE ROLE engage_api LOGIN PASSWORD :'api_password' IN ROLE engage_reader;
ALTER ROLE engage_api SET default_transaction_read_only = on;
ALTER ROLE engage_api SET statement_timeout = '5s';
ALTER ROLE engage_api SET idle_in_transaction_session_timeout = '10s';
-- A question reads the partitions of its days, of some 400: a plan for all costs more than the
-- answer, and so does one that is compiled.
ALTER ROLE engage_api SET plan_cache_mode = force_custom_plan;
ALTER ROLE engage_api SET jit = off;

CREATE ROLE engage_catalogue LOGIN PASSWORD :'catalogue_password' IN ROLE engage_editor;
ALTER ROLE engage_catalogue SET idle_in_transaction_session_timeout = '10s';
