#!/usr/bin/env bash
# usage: hiveserver2.sh DIR COMMAND...
#        hiveserver2.sh fetch
#
# Runs COMMAND beside two HiveServer2 4.0.1, whose settings, logs and pid files lie in DIR, and stops them afterwards. One works on
# `main`, one on the branch `etl` by the port that is bound to it; queries run in their own processes (Tez, local mode). No login
# and no ACID tables. Wants a skep as `skep.sh` tells of it. COMMAND finds them by these, 127.0.0.1:PORT; `python.sh hiveserver2`
# has a client:
#   HIVE       the one of `main`
#   HIVE_ETL   the one of `etl`
#   HS2_HEAP   1g if not set
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

(($# >= 2)) || [[ ${1:-} == fetch ]] || usage
jdk=$(java_home 17 21)
shim=$(loopback)
lib="$(jars hiveserver2-4.0.1)/*:$(jars s3a-3.3.6)/*"
[[ $1 != fetch ]] || exit 0
dir=$(absolute "$1"); shift

settings() { # DIR PORT METASTORE
  cat <<X
hive.metastore.uris=thrift://$3
hive.server2.thrift.bind.host=127.0.0.1
hive.server2.thrift.port=$2
hive.server2.webui.port=-1
hive.server2.in.place.progress=false
hive.server2.authentication=NOSASL
hive.server2.enable.doAs=false
hive.server2.metrics.enabled=false
hive.server2.materializedviews.registry.impl=DUMMY
hive.server2.tez.initialize.default.sessions=false
hive.notification.event.poll.interval=0s
hive.query.results.cache.enabled=false
hive.security.metastore.authorization.manager=
hive.support.concurrency=false
hive.txn.manager=org.apache.hadoop.hive.ql.lockmgr.DummyTxnManager
hive.vectorized.execution.enabled=false
hive.execution.engine=tez
hive.tez.container.size=512
tez.local.mode=true
tez.local.mode.without.network=true
tez.runtime.optimize.local.fetch=true
tez.staging-dir=$1/tmp/tez
mapreduce.framework.name=local
fs.defaultFS=file:///
hive.exec.scratchdir=$1/tmp/scratch
hive.exec.local.scratchdir=$1/tmp/local
hive.downloaded.resources.dir=$1/tmp/resources
hive.user.install.directory=$1/tmp/install
fs.s3a.endpoint=$SKEP_S3
fs.s3a.endpoint.region=us-east-1
fs.s3a.path.style.access=true
fs.s3a.connection.ssl.enabled=false
X
}

# server DIR PORT METASTORE. The owner of the staging folder must be the user of the process; Hive keeps s3a keys that stand in
# its settings from Tez.
server() {
  local at
  at=$(absolute "$1")
  mkdir -p "$at"/{conf,tmp}
  settings "$at" "$2" "$3" | site_xml "$at"/conf/{hive,core,tez}-site.xml
  log4j2 "$at/conf/hive-log4j2.properties"
  # shellcheck disable=SC2046 # several options
  START_LIMIT_S=300 start "$at" env "LD_PRELOAD=$shim" "HADOOP_USER_NAME=$(id -un)" "AWS_ACCESS_KEY_ID=${SKEP_ACCESS_KEY:-skep}" \
    "AWS_SECRET_ACCESS_KEY=${SKEP_SECRET_KEY:-skep-secret}" "$jdk/bin/java" $(add_opens) "-Xmx${HS2_HEAP:-1g}" \
    "-Djava.io.tmpdir=$at/tmp" \
    -Dlog4j2.contextSelector=org.apache.logging.log4j.core.selector.ClassLoaderContextSelector \
    -cp "$at/conf:$lib" org.apache.hive.service.server.HiveServer2
}

read -r -d '' main etl < <(free_ports 2) || true
trap 'stop "$dir/main"; stop "$dir/etl"' EXIT
ready() { listens "$port"; }
port=$main
server "$dir/main" "$main" "$SKEP_THRIFT"
port=$etl
server "$dir/etl" "$etl" "$SKEP_THRIFT_ETL"
HIVE=127.0.0.1:$main HIVE_ETL=127.0.0.1:$etl "$@"
