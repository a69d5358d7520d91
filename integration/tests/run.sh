#!/usr/bin/env bash
# usage: run.sh [thrift|transports|s3|hmsclient|flight|hive-java|hiveserver2|trino|spark-4.0|spark-3.5|merges|iceberg|delta|hudi|s3-warehouse]...
#
# Runs these parts of the tests with real clients, all if none is named, each beside a skep of its own. What a part needs
# is fetched; a part for which something is missing is told as SKIPPED.
#   REQUIRE   names of what must not be missing, such as `python,spark`: its skip becomes a failure
#   SKEP_BIN  the program; the checkout's is built if not set
#   PYTEST    further options of pytest, such as `-x`
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
engines=$here/../engines
# shellcheck source-path=SCRIPTDIR source=../engines/lib.sh
. "$engines/lib.sh"

[[ ${1:-} != -* ]] || usage
(($#)) || set -- thrift transports s3 hmsclient flight hive-java hiveserver2 trino spark-4.0 spark-3.5 merges iceberg delta hudi s3-warehouse
SKEP_BIN=$(skep_program)
export SKEP_BIN
work=$(mktemp -d "${TMPDIR:-/tmp}/skep-tests.XXXXXX")
failed=()

# there NEED PART COMMAND...: whether what PART needs can be had, which COMMAND finds out.
there() {
  local need=$1 part=$2 why; shift 2
  "$@" >"$work/missing" 2>&1 && return
  why=$(grep -m 1 '\.sh: ' "$work/missing" || tail -n 1 "$work/missing")
  if [[ ,${REQUIRE:-}, == *,$need,* ]]; then
    failed+=("$part")
    echo "FAILED  $part: $need is required, but $why"
  else
    echo "SKIPPED $part: $why"
  fi
  return 1
}

# check PART WRAPPER... -- PYTEST_ARGUMENT...: runs pytest under WRAPPER beside a new skep, which `BESIDE` starts.
check() {
  local part=$1 wrapper=() begun=$SECONDS; shift
  while [[ $1 != -- ]]; do wrapper+=("$1"); shift; done
  shift
  echo "RUNNING $part"
  # shellcheck disable=SC2086 # several options
  if (cd "$here" && "${BESIDE:-$engines/skep.sh}" "$work/$part" "${wrapper[@]}" python -m pytest -p no:cacheprovider -q ${PYTEST:-} "$@"); then
    echo "PASSED  $part in $((SECONDS - begun)) s"
  else
    failed+=("$part")
    echo "FAILED  $part; data and log of the server are in $work/$part"
  fi
}

for part; do
  case $part in
  thrift | transports | s3)
    there python "$part" "$engines/clients.sh" true || continue
    check "$part" "$engines/clients.sh" -- "test_$part.py"
    ;;
  hmsclient)
    there python "$part" "$engines/python.sh" hmsclient true || continue
    check "$part" "$engines/python.sh" hmsclient -- test_hmsclient.py
    ;;
  flight)
    there python "$part" "$engines/python.sh" flight true || continue
    check "$part" "$engines/python.sh" flight -- test_flight.py
    ;;
  hive-java)
    there hive "$part" "$engines/hive-java.sh" fetch || continue
    check "$part" "$engines/clients.sh" -- test_hive_java.py
    ;;
  hiveserver2)
    there hive "$part" "$engines/hiveserver2.sh" fetch || continue
    there python "$part" "$engines/python.sh" hiveserver2 true || continue
    check "$part" "$engines/hiveserver2.sh" "$work/hiveserver2-servers" "$engines/python.sh" hiveserver2 -- test_hiveserver2.py
    ;;
  trino)
    there trino "$part" "$engines/trino.sh" fetch || continue
    there python "$part" "$engines/python.sh" trino true || continue
    check "$part" "$engines/trino.sh" "$work/trino-server" "$engines/python.sh" trino -- test_trino.py
    ;;
  spark-4.0 | spark-3.5)
    there spark "$part" "$engines/spark.sh" "${part#spark-}" true || continue
    for session in main magic port; do
      check "$part-$session" "$engines/spark.sh" "${part#spark-}" -- -m "$session" test_spark.py
    done
    ;;
  delta)
    there spark "$part" env FORMAT=delta "$engines/spark.sh" 4.0 true || continue
    check "$part" env FORMAT=delta "$engines/spark.sh" 4.0 -- test_delta.py
    ;;
  merges)
    there spark "$part" "$engines/spark.sh" 4.0 true || continue
    check "$part" "$engines/spark.sh" 4.0 -- test_merges.py
    ;;
  hudi)
    there spark "$part" env FORMAT=hudi "$engines/spark.sh" 3.5 true || continue
    check "$part" env FORMAT=hudi "$engines/spark.sh" 3.5 -- test_hudi.py
    ;;
  iceberg)
    there spark "$part" env FORMAT=iceberg "$engines/spark.sh" 4.0 true || continue
    check "$part" env FORMAT=iceberg "$engines/spark.sh" 4.0 -- test_iceberg.py
    ;;
  s3-warehouse)
    there python "$part" "$engines/moto.sh" "$work/moto" true || continue
    there spark "$part" "$engines/spark.sh" 4.0 true || continue
    BESIDE=$engines/s3-warehouse.sh check "$part" "$engines/spark.sh" 4.0 -- test_s3_warehouse.py
    ;;
  *) usage ;;
  esac
done

if ((${#failed[@]})); then
  echo "failed: ${failed[*]}"
  exit 1
fi
rm -rf "$work"
