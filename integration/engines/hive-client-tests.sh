#!/usr/bin/env bash
# usage: hive-client-tests.sh HOST:PORT WAREHOUSE_DIR [TEST_CLASS...]
#
# Runs the classes with which Hive 3.1.3 tests its metastore clients against the metastore at HOST:PORT. All that it
# holds is deleted. WAREHOUSE_DIR must be its warehouse, a local folder; trash is looked for in `home` beside it.
# Prints how many of the tests that the original passes (client-tests/passes.tsv) pass here; ends with 1 if not all do.
#   OUT              file of results, one line per test; client-tests.tsv in the working folder if not set
#   RESET            a command that empties the metastore before each class; by default it is emptied through its API
#   CLASS_LIMIT_S    900 if not set
#   CALL_TIMEOUT_S   60 if not set
#   VERBOSE          1 also lists the tests that are missing
#   SUITE            folder of the suite, client-tests if not set
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

(($# >= 2)) || usage
target=$1 warehouse=$(absolute "$2"); shift 2
suite=$(cd "${SUITE:-$ENGINES/client-tests}" && pwd)
. "$suite/suite.sh"
OUT=${OUT:-client-tests.tsv}
OUT=$(absolute "$(dirname "$OUT")")/$(basename "$OUT")

jdk=$(java_home 17 21)
[[ -x $jdk/bin/javac ]] || die "no compiler in $jdk: install the JDK, not only the JRE"
server=$(jars "$metastore")
tests=$(jars "client-tests-${metastore#hms-}" "$suite/pom.xml")
compile() { "$jdk/bin/javac" -nowarn -Xlint:none -cp "$server/*:$tests/*" -d "$1" $(find "${sources[@]}" -name '*.java'); }
ours=$(once "client-tests-${metastore#hms-}" "$(find "${sources[@]}" -name '*.java' | sort | xargs cat | cksum)" compile)

# Prints the full names of the classes asked for, or of all that the baseline knows.
classes() {
  local name found
  (($#)) || set -- $(cut -f 1 "$suite/passes.tsv" | sort -u)
  for name in "$@"; do
    found=$(for jar in "$tests"/*.jar; do unzip -Z1 "$jar" "$package/*/$name.class" "$package/$name.class" 2>/dev/null || true; done | head -n 1)
    [[ -n $found ]] || die "no test class $name"
    echo "${found%.class}" | tr / .
  done
}
need unzip "install it"
chosen=$(classes "$@")

work=$(mktemp -d)
trap 'rm -rf "$work" ${barrier:+"$barrier"}' EXIT
mkdir -p "$work/conf"
# Some tests want the server to be refused a new folder below /. One that runs as root would be let, but for this file.
if [[ $(id -u) == 0 && ! -e /nosuchdir ]]; then barrier=/nosuchdir; touch $barrier; fi

{
  printf '%s\n' {,hive.}metastore.warehouse.dir="$warehouse" hive.metastore.uris="thrift://$target" metastore.thrift.uris="thrift://$target"
  printf '%s\n' "${settings[@]}"
} | site_xml "$work/conf/hive-site.xml"
LOG_LEVEL=${LOG_LEVEL:-warn} log4j2 "$work/conf/log4j2.properties"

(cd "$work" && "$jdk/bin/java" $(add_opens) -Xmx1g "-Duser.home=$(dirname "$warehouse")/home" "-Djava.io.tmpdir=$work" \
  "-Dtest.tmp.dir=$work" "-Dbuild.dir=$work" "-Dtarget.uri=thrift://$target" "-Dtarget.warehouse=$warehouse" \
  "-Dtarget.timeout_s=${CALL_TIMEOUT_S:-60}" "-Dclass.limit_s=${CLASS_LIMIT_S:-900}" \
  "-Dreset.command=${RESET:-}" -cp "$work/conf:$ours:$tests/*:$server/*" skep.clienttests.Main "$OUT" $chosen 2>"$OUT.log") ||
  { tail -n 20 "$OUT.log" >&2; die "the run broke off, see $OUT.log"; }

awk -F '\t' -v verbose="${VERBOSE:-}" '
  { test = $1 "\t" $2 }
  NR == FNR { original[test] = $1; next }
  { ran[$1] }
  $3 == "PASS" { passed[test] }
  END {
    for (test in original) if (original[test] in ran) {
      of++
      if (test in passed) n++
      else if (verbose) print "missing: " test
    }
    printf "%d/%d of the tests that the original passes\n", n, of
    exit n < of || !of
  }' "$suite/passes.tsv" "$OUT"
