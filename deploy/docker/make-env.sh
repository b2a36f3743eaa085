#!/bin/sh
# Create .env in the project's folder with a password for each login, readable by its owner only.
# An existing .env is kept: PostgreSQL already has its passwords.
set -eu
cd "$(dirname "$0")/../.."
if [ -e .env ]; then
    echo ".env exists; nothing was changed" >&2
    exit 0
fi
umask 077
random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
{
    for name in POSTGRES OWNER CONSUMER REFRESHER READER EDITOR; do
        echo "${name}_PASSWORD=$(random)"
    done
    echo "DERIVED_ID_SECRET=$(random)"
} >.env.new
mv .env.new .env
