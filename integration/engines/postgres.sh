#!/usr/bin/env bash
# usage: postgres.sh DIR PORT [start|stop]
#
# A throwaway PostgreSQL on 127.0.0.1:PORT with its data in DIR: user `postgres`, no password.
# Run as root, it runs as the user `postgres`, who must be able to reach DIR.
#   PG_DATABASES  databases to create, `hms skep` if not set
#   PG_FSYNC      `on` to have what is committed synced to disk; `off` if not set, since tests need no more
#   PG_BIN        the folder of the server's programs, if not on the PATH or in /usr/lib/postgresql
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
export STOP_SIGNAL=INT # the "fast" shutdown, which does not wait for clients

(($# >= 2)) || usage
dir=$(absolute "$1") port=$2
[[ ${3:-start} != stop ]] || { stop "$dir"; exit; }

PATH=${PG_BIN:+$PG_BIN:}$PATH:$(printf '%s:' $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV))
for program in postgres initdb psql; do need $program "install Debian's package postgresql, or set PG_BIN"; done

as_user=()
if [[ $(id -u) == 0 ]]; then
  chown postgres "$dir"
  as_user=(setpriv --reuid=postgres --regid=postgres --init-groups)
fi
[[ -f $dir/data/PG_VERSION ]] ||
  (cd "$dir" && "${as_user[@]}" initdb -D data -U postgres -A trust) >"$dir/initdb.log" 2>&1 ||
  { tail -n 20 "$dir/initdb.log" >&2; die "could not make the data folder in $dir"; }

sql() { psql -h 127.0.0.1 -p "$port" -U postgres -d postgres -qtAX -c "$1" 2>/dev/null; }
ready() { sql "select 1" >/dev/null; }
! listens "$port" || die "port $port is taken"
start "$dir" "${as_user[@]}" postgres -D "$dir/data" -p "$port" -k "$dir" -c listen_addresses=127.0.0.1 \
  -c "fsync=${PG_FSYNC:-off}" -c max_connections=300

for database in ${PG_DATABASES:-hms skep}; do
  [[ -n $(sql "select 1 from pg_database where datname = '$database'") ]] || sql "create database $database"
done
