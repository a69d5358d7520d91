#!/usr/bin/env bash
# usage: bench.sh [--partitions N] [--large N]
#
# Measures skep beside the original Hive Metastore 4.0.1 on PostgreSQL, both durable, in one run on this machine, and
# prints a table for the README. Takes about a quarter of an hour, most of it to load the original; at
# `--partitions 100000` another ten minutes for that alone.
#   SKEP_BIN  the program; the checkout's is built with PROFILE, `release` if not set
#   ALONE=1   measures skep alone: neither Java nor PostgreSQL is needed then
#   KEEP=1    keeps the folder with data and logs
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
engines=$here/../integration/engines
# shellcheck source-path=SCRIPTDIR source=../integration/engines/lib.sh
. "$engines/lib.sh"

case ${1:-} in -h | --help) usage ;; esac
export PROFILE=${PROFILE:-release}
SKEP_BIN=$(skep_program)
export SKEP_BIN
(cd "$here/.." && cargo build -q --locked --profile "$PROFILE" -p bench) || die "could not build the benchmark"
target=$(cd "$here/.." && absolute "${CARGO_TARGET_DIR:-target}")/${PROFILE/#dev/debug}

dir=$(mktemp -d "${TMPDIR:-/tmp}/skep-bench.XXXXXX")
chmod 755 "$dir" # PostgreSQL runs as another user when this runs as root
read -r -d '' pg hive http s3 thrift < <(free_ports 5) || true
ended() {
  stop "$dir/skep"
  [[ -n ${ALONE:-} ]] || { "$engines/hms.sh" 4.0.1 "$dir/hive" "$hive" stop; "$engines/postgres.sh" "$dir/pg" "$pg" stop; }
  if [[ -n ${KEEP:-} ]]; then say "data and logs are in $dir"; else rm -rf "$dir"; fi
}
trap ended EXIT

theirs=()
if [[ -z ${ALONE:-} ]]; then
  PG_FSYNC=on PG_DATABASES=hms "$engines/postgres.sh" "$dir/pg" "$pg"
  HMS_PG_URL="jdbc:postgresql://127.0.0.1:$pg/hms?user=postgres" HMS_HEAP=2g LOG_LEVEL=error \
    "$engines/hms.sh" 4.0.1 "$dir/hive" "$hive"
  theirs=("hive=127.0.0.1:$hive/$(cat "$dir/hive/pid")+$(cat "$dir/pg/pid")")
fi

mkdir "$dir/skep"
ready() { grep -q '^skep is up' "$1/log"; }
start "$dir/skep" "$SKEP_BIN" serve --data "$dir/skep/data" --http "127.0.0.1:$http" --s3 "127.0.0.1:$s3" --thrift "127.0.0.1:$thrift"
"$target/bench" "skep=127.0.0.1:$thrift/$(cat "$dir/skep/pid")" "${theirs[@]}" --rest "http://127.0.0.1:$http" "$@"
# what no client can ask for: durable writes of many writers, and the merge base of a long history
(cd "$here/.." && cargo bench -q --locked --profile "$PROFILE" -p versioning --bench store)
