#!/usr/bin/env bash
# usage: hive-java.sh 3.1.3|4.0.1 SOURCE.java ARGUMENT...
#        hive-java.sh fetch
#
# Runs a Java program of one file with Hive's own metastore client of that version on its class path, as programs do that embed it.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

(($# >= 2)) || [[ ${1:-} == fetch ]] || usage
jdk=$(java_home 17 21)
case $1 in
fetch) jars hms-3.1.3 >&2 && jars hiveserver2-4.0.1 >&2; exit ;;
3.1.3) lib=$(jars hms-3.1.3) ;;
4.0.1) lib=$(jars hiveserver2-4.0.1) ;;
*) usage ;;
esac
conf=$CACHE/hive-java-conf
mkdir -p "$conf"
LOG_LEVEL=${LOG_LEVEL:-error} log4j2 "$conf/log4j2.properties"
echo "log4j.rootLogger=OFF" >"$conf/log4j.properties" # what Hadoop brings along
shift
# shellcheck disable=SC2046 # several options
exec "$jdk/bin/java" $(add_opens) -Xmx512m -cp "$conf:$lib/*" "$@"
