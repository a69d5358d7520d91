#!/usr/bin/env bash
# usage: conformance.sh [databases|tables|partitions|catalogs|constraints|others|TEST_CLASS]...
#
# Runs the classes with which Hive 3.1.3 tests its metastore clients against a skep that has a plain warehouse, all if
# nothing is named, and compares with docs/conformance.tsv: the tests that the original passes and skep does not, each
# with its reason. Fails when another test fails, and when one of that list passes.
#   SKEP_BIN   the program; the checkout's is built if not set
#   UPDATE     1 takes those that pass out of the list first
#   OUT        file of results, one line a test; in the working folder of the run, which a failure keeps, if not set
#   KEEP       1 keeps that folder anyhow
#   REQUIRE    with `java` in it, a missing JDK is a failure, and no reason to skip all this
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
engines=$here/../engines
# shellcheck source-path=SCRIPTDIR source=../engines/lib.sh
. "$engines/lib.sh"

[[ ${1:-} != -* ]] || usage
known=$here/../../docs/conformance.tsv
passes=$engines/client-tests/passes.tsv

# classes PART: prints the test classes of a part, or the class of that name.
classes() {
  case $1 in
  databases) echo TestDatabases TestFunctions ;;
  tables) echo TestTablesCreateDropAlterTruncate TestTablesGetExists TestTablesList TestGetTableMeta ;;
  partitions)
    echo TestAddPartitions TestAddPartitionsFromPartSpec TestAlterPartitions TestAppendPartitions TestDropPartitions \
      TestExchangePartitions TestGetPartitions TestListPartitions TestHiveMetaStorePartitionSpecs
    ;;
  catalogs) echo TestCatalogNonDefaultClient TestCatalogOldClient TestCatalogs ;;
  constraints)
    echo TestCheckConstraint TestDefaultConstraint TestForeignKey TestNotNullConstraint TestPrimaryKey TestUniqueConstraint
    ;;
  others)
    echo TestFilterHooks TestHiveMetaStoreSchemaMethods TestHiveMetaStoreTxns TestRemoteHiveMetaStore TestRuntimeStats TestStats
    ;;
  Test*) echo "$1" ;;
  *) usage ;;
  esac
}

jdk=$(java_home 17 21 2>&1) || true
if [[ ! -x $jdk/bin/javac && ,${REQUIRE:-}, != *,java,* ]]; then
  echo "SKIPPED conformance: no JDK 17 or 21"
  exit
fi

(($#)) || set -- databases tables partitions catalogs constraints others
chosen=()
for part; do
  # shellcheck disable=SC2207 # names of classes
  chosen+=($(classes "$part"))
done

SKEP_BIN=$(skep_program)
work=$(mktemp -d "${TMPDIR:-/tmp}/skep-conformance.XXXXXX")
OUT=${OUT:-$work/results.tsv}
mkdir -p "$work"/{server,warehouse,home}
read -r -d '' http s3 thrift < <(free_ports 3) || true

ready() { grep -q '^skep is up' "$1/log"; }
start "$work/server" "$SKEP_BIN" serve --data "$work/server/data" --http "127.0.0.1:$http" --s3 "127.0.0.1:$s3" \
  --thrift "127.0.0.1:$thrift" --warehouse "file:$work/warehouse" --warehouse-delete immediate \
  --warehouse-trash "file:$work/home/.Trash" --partitions-max 100
trap 'stop "$work/server"' EXIT
OUT=$OUT "$engines/hive-client-tests.sh" "127.0.0.1:$thrift" "$work/warehouse" "${chosen[@]}" || true

if [[ -n ${UPDATE:-} ]]; then
  awk -F '\t' 'NR == FNR { if ($3 == "PASS") passed[$1 "\t" $2]; next } !($1 "\t" $2 in passed)' "$OUT" "$known" >"$work/known"
  cp "$work/known" "$known"
fi

# What the original passes is compared: passed here or not, in the list or not.
awk -F '\t' -v chosen="${chosen[*]}" '
  BEGIN { split(chosen, names, " "); for (i in names) wanted[names[i]] }
  { test = $1 "\t" $2 }
  FILENAME == ARGV[1] { if ($1 in wanted) { original[test]; all[$1]++ } next }
  FILENAME == ARGV[2] { if (!/^#/ && $1 in wanted) reason[test] = $3; next }
  $3 == "PASS" { passed[test] }
  $3 != "PASS" { message[test] = $5 }
  END {
    for (test in original) {
      split(test, part, "\t")
      if (test in passed) { count[part[1]]++; n++ }
      if (test in passed && test in reason) bad[++b] = "passes, but is in docs/conformance.tsv: " test
      if (!(test in passed) && !(test in reason)) bad[++b] = "fails: " test "\t" message[test]
      of++
    }
    for (test in reason) if (!(test in original)) bad[++b] = "is in docs/conformance.tsv, but the original fails it, too: " test
    print ""
    for (i = 1; i in names; i++) printf "%-40s %4d of %4d\n", names[i], count[names[i]], all[names[i]]
    printf "%d/%d of the tests that the original passes\n", n, of
    for (i = 1; i <= b; i++) print bad[i]
    exit b > 0
  }' "$passes" "$known" "$OUT" || {
  echo "failed; results and the log of the server are in $work"
  exit 1
}
[[ -n ${KEEP:-} ]] || { stop "$work/server"; rm -rf "$work"; }
