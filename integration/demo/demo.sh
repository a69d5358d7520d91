#!/usr/bin/env bash
# usage: demo.sh [4.0|3.5]
#
# The main job of skep, told while it is done by an unmodified Spark. Ends with 0 if all was as it has to be.
#   KEEP=1    keeps the data folder and says where it is
#   SKEP_BIN  the program; the checkout's is built if not set (with PROFILE, `dev`)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
engines=$here/../engines
spark=${1:-4.0}

"$engines/spark.sh" "$spark" true # fetches what is missing before anything is told
dir=$(mktemp -d "${TMPDIR:-/tmp}/skep-demo.XXXXXX")
ended() {
  local code=$?
  if [[ -n ${KEEP:-} ]]; then
    echo "The data is kept in $dir/data"
  elif ((code == 0)); then
    rm -rf "$dir"
  else
    echo "The data and the server's log are kept in $dir" >&2
  fi
}
trap ended EXIT
"$engines/skep.sh" "$dir" "$engines/spark.sh" "$spark" python "$here/demo.py"
