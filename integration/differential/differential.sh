#!/usr/bin/env bash
# usage: differential.sh [golden|scenarios|random]...
#
# The same calls on a skep with a plain warehouse and on what they are compared with: `golden` on recorded outcomes of
# Hive 3.1.3, `scenarios` and `random` on Hive Metastores 2.3.10 and 4.0.1 that are fetched and started. What differs has
# to be in docs/differences.tsv with its reason, and what is there has to differ. All three if none is named.
#   SEED, CASES  where the random scripts begin, and how many there are (1, 100)
#   AGAINST      the originals, `2.3.10 4.0.1` if not set
#   SKEP_BIN     the program; the checkout's is built if not set
#   KEEP=1       keeps the folder of the run, as a failure does
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
engines=$here/../engines
# shellcheck source-path=SCRIPTDIR source=../engines/lib.sh
. "$engines/lib.sh"

[[ ${1:-} != -* ]] || usage
(($#)) || set -- golden scenarios random
skep_and_clients
work=$(mktemp -d "${TMPDIR:-/tmp}/skep-differential.XXXXXX")
mkdir -p "$work"/{server,warehouse}
read -r -d '' http s3 thrift hms < <(free_ports 4) || true

originals=() servers=()
end() {
  local code=$? version
  stop "$work/server"
  for version in "${originals[@]}"; do "$engines/hms.sh" "$version" "$work/hms-$version" 0 stop; done
  if ((code == 0)) && [[ -z ${KEEP:-} ]]; then rm -rf "$work"; else say "data and logs are in $work"; fi
}
trap end EXIT

ready() { grep -q '^skep is up' "$1/log"; }
start "$work/server" "$SKEP_BIN" serve --data "$work/server/data" --http "127.0.0.1:$http" --s3 "127.0.0.1:$s3" \
  --thrift "127.0.0.1:$thrift" --warehouse "file:$work/warehouse" --warehouse-delete immediate

if [[ " $* " == *" scenarios "* || " $* " == *" random "* ]]; then
  for version in ${AGAINST:-2.3.10 4.0.1}; do
    originals+=("$version")
    HMS_HEAP=${HMS_HEAP:-600m} LOG_LEVEL=warn START_LIMIT_S=900 \
      "$engines/hms.sh" "$version" "$work/hms-$version" "$hms"
    servers+=(--original "$version=127.0.0.1:$hms=$work/hms-$version/warehouse")
    hms=$(free_ports 1)
  done
fi

"$engines/clients.sh" python "$here/differential.py" --skep "127.0.0.1:$thrift=$work/warehouse" "${servers[@]}" \
  --known "$here/../../docs/differences.tsv" --seed "${SEED:-1}" --cases "${CASES:-100}" "$@"
