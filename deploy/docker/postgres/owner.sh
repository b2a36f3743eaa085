#!/bin/sh
# PostgreSQL's image runs this once on an empty volume, over a socket in its container. It creates the
# login that owns the database and can create the services' roles. No process logs in as superuser.
set -eu
psql -v ON_ERROR_STOP=1 --no-psqlrc --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\getenv password OWNER_PASSWORD
CREATE ROLE engage_migrator LOGIN CREATEROLE PASSWORD :'password';
CREATE DATABASE engagement OWNER engage_migrator;
SQL
