#!/bin/sh
# As the image postgres does it: POSTGRES_PASSWORD, POSTGRES_USER, POSTGRES_DB, POSTGRES_INITDB_ARGS, each of the first
# three also with _FILE; /docker-entrypoint-initdb.d on an empty PGDATA; then the server, as the user postgres.
set -eu

from_file() { # VARIABLE
    eval "file=\${$1_FILE-} value=\${$1-}"
    if [ -n "$file" ] && [ -n "$value" ]; then
        echo "error: both $1 and $1_FILE are set (but are exclusive)" >&2
        exit 1
    fi
    [ -z "$file" ] || value=$(cat "$file")
    unset "$1_FILE"
    export "$1=$value"
}

[ "${1-}" = postgres ] || exec "$@"
for variable in POSTGRES_PASSWORD POSTGRES_USER POSTGRES_DB; do
    from_file "$variable"
done
if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA" && chown postgres "$PGDATA" && chmod 700 "$PGDATA"
    exec setpriv --reuid postgres --regid postgres --init-groups "$0" "$@"
fi

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    user=${POSTGRES_USER:-postgres}
    database=${POSTGRES_DB:-$user}
    if [ -z "$POSTGRES_PASSWORD" ]; then
        echo "Error: Database is uninitialized and superuser password is not specified." >&2
        exit 1
    fi
    printf '%s\n' "$POSTGRES_PASSWORD" >/tmp/password
    # shellcheck disable=SC2086
    initdb --username "$user" --pwfile /tmp/password ${POSTGRES_INITDB_ARGS-}
    rm /tmp/password
    echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
    # without an address while it is being filled, so that nobody takes it for ready
    pg_ctl -w -o "-c listen_addresses=''" start
    [ "$database" = postgres ] || psql -X -v ON_ERROR_STOP=1 -U "$user" -d postgres -v name="$database" <<'SQL'
CREATE DATABASE :"name";
SQL
    for file in /docker-entrypoint-initdb.d/*; do
        case $file in
        *.sh) . "$file" ;;
        *.sql) psql -X -v ON_ERROR_STOP=1 -U "$user" -d "$database" -f "$file" ;;
        *.sql.gz) gunzip -c "$file" | psql -X -v ON_ERROR_STOP=1 -U "$user" -d "$database" ;;
        esac
    done
    pg_ctl -m fast -w stop
fi
exec "$@"
