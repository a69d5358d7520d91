#!/usr/bin/env bash
# usage: crash.sh [--rounds N] [--seed S]
#
# Kills a skep with -9 under load, N times, and verifies after each restart that nothing acknowledged is lost and nothing
# is half there. Ends with a line `N passed, M failed`, and with 0 if none failed. After a failure the folder stays.
#   SKEP_BIN  the program; the checkout's is built if not set (with PROFILE, `dev`)
#   KEEP=1    keeps the folder in any case
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
engines=$here/../engines
# shellcheck source-path=SCRIPTDIR source=../engines/lib.sh
. "$engines/lib.sh"

case ${1:-} in -h | --help) usage ;; esac
skep_and_clients
dir=$(mktemp -d "${TMPDIR:-/tmp}/skep-crash.XXXXXX")
code=0
"$engines/clients.sh" python "$here/crash.py" --folder "$dir" "$@" || code=$?
if ((code == 0)) && [[ -z ${KEEP:-} ]]; then
  rm -rf "$dir"
else
  say "data and logs are in $dir"
fi
exit "$code"
