#!/usr/bin/env bash
# usage: trino.sh DIR COMMAND...
#        trino.sh fetch
#
# Runs COMMAND beside a Trino 476 of its own, whose settings, log and pid file lie in DIR, and stops it afterwards. Wants Java
# 24 or later, and a skep as `skep.sh` tells of it. Its catalogs, of Hive, Iceberg and Delta:
#   hive, iceberg, delta              main
#   hive_etl, iceberg_etl, delta_etl  the branch `etl`, by the port that is bound to it
#   hive_v1, iceberg_v1, delta_v1     the tag `v1`, by the port that is bound to it
# COMMAND finds Trino by TRINO, 127.0.0.1:PORT; `python.sh trino` has its client.
#   TRINO_HEAP   1500m if not set
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

(($# >= 2)) || [[ ${1:-} == fetch ]] || usage
need curl "install it"
jdk=$(java_home 24 99)
shim=$(loopback)
trino=$(unpacked trino-476 io.trino:trino-server:476:tar.gz)
[[ $1 != fetch ]] || exit 0
dir=$(absolute "$1"); shift
read -r port < <(free_ports 1) || true

# All 60 plugins take minutes to start, the four half of one.
mkdir -p "$dir"/{etc/catalog,plugin}
for plugin in hive iceberg delta-lake tpch; do ln -sfn "$trino/plugin/$plugin" "$dir/plugin/$plugin"; done

cat >"$dir/etc/config.properties" <<X
node.environment=test
node.id=one
node.bind-ip=127.0.0.1
node.internal-address=127.0.0.1
coordinator=true
node-scheduler.include-coordinator=true
http-server.http.port=$port
discovery.uri=http://127.0.0.1:$port
query.max-memory-per-node=400MB
memory.heap-headroom-per-node=300MB
X
echo "io.trino=${LOG_LEVEL:-INFO}" >"$dir/etc/log.properties"
echo connector.name=tpch >"$dir/etc/catalog/tpch.properties"

# catalog NAME CONNECTOR URI SETTING...
catalog() {
  printf '%s\n' "connector.name=$2" "hive.metastore.uri=$3" fs.native-s3.enabled=true "s3.endpoint=$SKEP_S3" s3.region=us-east-1 \
    s3.path-style-access=true "s3.aws-access-key=${SKEP_ACCESS_KEY:-skep}" "s3.aws-secret-key=${SKEP_SECRET_KEY:-skep-secret}" "${@:4}" \
    >"$dir/etc/catalog/$1.properties"
}
# catalogs SUFFIX URI: the three for one ref.
catalogs() {
  catalog "hive$1" hive "$2" hive.non-managed-table-writes-enabled=true hive.hive-views.enabled=true
  catalog "iceberg$1" iceberg "$2" iceberg.catalog.type=hive_metastore
  catalog "delta$1" delta_lake "$2" delta.enable-non-concurrent-writes=true
}
catalogs "" "thrift://$SKEP_THRIFT"
catalogs _etl "thrift://$SKEP_THRIFT_ETL"
catalogs _v1 "thrift://$SKEP_THRIFT_V1"

ready() { curl -s --noproxy '*' "http://127.0.0.1:$port/v1/info" | grep -q '"starting":false'; }
START_LIMIT_S=600 start "$dir" env "LD_PRELOAD=$shim" "$jdk/bin/java" "-Xmx${TRINO_HEAP:-1500m}" -XX:+UseG1GC \
  -XX:G1HeapRegionSize=32M -XX:ReservedCodeCacheSize=256M -XX:-OmitStackTraceInFastThrow -XX:+EnableDynamicAgentLoading \
  -Djdk.attach.allowAttachSelf=true -Djdk.nio.maxCachedBufferSize=2000000 -Dfile.encoding=UTF-8 \
  --enable-native-access=ALL-UNNAMED --add-modules=jdk.incubator.vector --sun-misc-unsafe-memory-access=allow \
  "-Dlog.levels-file=$dir/etc/log.properties" "-Dconfig=$dir/etc/config.properties" "-Dplugin.dir=$dir/plugin" \
  -cp "$trino/lib/*" io.trino.server.TrinoServer
trap 'stop "$dir"' EXIT

TRINO=127.0.0.1:$port "$@"
