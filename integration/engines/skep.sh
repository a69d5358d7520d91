#!/usr/bin/env bash
# usage: skep.sh DIR COMMAND...
#
# Runs COMMAND beside a skep of its own, whose data, log and pid file lie in DIR, and stops it afterwards. COMMAND finds
# it by these:
#   SKEP_BIN         the program; set by the caller, that one is run, else the checkout's is built with PROFILE, or `dev`
#   SKEP_URL         REST, http://127.0.0.1:PORT
#   SKEP_S3          the S3 endpoint, http://127.0.0.1:PORT
#   SKEP_THRIFT      the metastore, 127.0.0.1:PORT
#   SKEP_THRIFT_ETL  the same, bound to the branch `etl`
#   SKEP_THRIFT_V1   the same, bound to the tag `v1`
#   SKEP_THRIFT_HTTP the metastore over HTTP, 127.0.0.1:PORT
#   SKEP_FLIGHT      Arrow Flight SQL, 127.0.0.1:PORT
#   SKEP_LOG         what the server has written
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

(($# >= 2)) || usage
dir=$(absolute "$1"); shift

SKEP_BIN=$(skep_program)
read -r -d '' http s3 thrift etl v1 thrift_http flight < <(free_ports 7) || true
export SKEP_BIN SKEP_URL=http://127.0.0.1:$http SKEP_S3=http://127.0.0.1:$s3 SKEP_THRIFT=127.0.0.1:$thrift \
  SKEP_THRIFT_ETL=127.0.0.1:$etl SKEP_THRIFT_V1=127.0.0.1:$v1 SKEP_THRIFT_HTTP=127.0.0.1:$thrift_http \
  SKEP_FLIGHT=127.0.0.1:$flight SKEP_LOG=$dir/log

ready() { grep -q '^skep is up' "$1/log"; }
start "$dir" "$SKEP_BIN" serve --data "$dir/data" --http "127.0.0.1:$http" --s3 "127.0.0.1:$s3" \
  --thrift "$SKEP_THRIFT" --thrift "$SKEP_THRIFT_ETL=lake@etl" --thrift "$SKEP_THRIFT_V1=lake@v1" \
  --thrift-http "$SKEP_THRIFT_HTTP" --flight "$SKEP_FLIGHT"
trap 'stop "$dir"' EXIT
"$@"
