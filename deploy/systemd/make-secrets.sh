#!/bin/sh
# Create the credentials of the units in the folder $1 (/etc/engagement/secrets): a PostgreSQL login
# for each service, and the secret of derived IDs. Existing files are kept.
# PGHOST and PGPORT name the server; OWNER_PASSWORD is the password of the database's owner.
set -eu
folder=${1:-/etc/engagement/secrets}
place=${PGHOST:-127.0.0.1}:${PGPORT:-5432}/engagement
umask 077
mkdir -p "$folder"
cd "$folder"

create() { # NAME: create a file from stdin atomically, unless it exists
    if [ -e "$1" ]; then cat >/dev/null; else cat >".$1.new" && mv ".$1.new" "$1"; fi
}
random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

for role in consumer refresher reader editor; do
    random | create "${role}_database_password"
    echo "postgresql://engage_$role:$(cat "${role}_database_password")@$place" |
        create "${role}_database_url"
done
echo "postgresql://engage_migrator:${OWNER_PASSWORD:?}@$place" | create owner_database_url
random | create derived_id_secret
# Empty: Kafka requires no password.
create kafka_sasl_password </dev/null
