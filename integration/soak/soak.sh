#!/usr/bin/env bash
# usage: soak.sh [--seconds S] [--clients N] [--seed S]
#
# N clients mix table changes, partition adds and drops, and reads on one table for S seconds; then the history that they
# have written down is checked: nothing lost, nothing doubled, each read one of what there was meanwhile, and the order of
# notifications that of the effects. Ends with a line `N passed, M failed`.
#   SKEP_BIN  the program; the checkout's is built if not set (with PROFILE, `dev`)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
engines=$here/../engines
# shellcheck source-path=SCRIPTDIR source=../engines/lib.sh
. "$engines/lib.sh"

case ${1:-} in -h | --help) usage ;; esac
skep_and_clients
dir=$(mktemp -d "${TMPDIR:-/tmp}/skep-soak.XXXXXX")
(cd "$here" && "$engines/clients.sh" python -m pytest -q -p no:cacheprovider test_history.py) # the check can fail
"$engines/skep.sh" "$dir" "$engines/clients.sh" python "$here/soak.py" "$@" || { say "data and log are in $dir"; exit 1; }
rm -rf "$dir"
