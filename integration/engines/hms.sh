#!/usr/bin/env bash
# usage: hms.sh 2.3.10|3.1.3|4.0.1 DIR PORT [start|stop]
#
# The original Hive Metastore on 127.0.0.1:PORT. Its store, log and pid file lie in DIR.
#   WAREHOUSE       the warehouse, DIR/warehouse if not set
#   HMS_PG_URL      jdbc:postgresql://127.0.0.1:PORT/DATABASE?user=... keeps the store there (3.1.3 and 4.0.1; its
#                   tables are made on the first start from DIR); Derby in DIR if not set
#   HMS_PROPERTIES  a file of further `key=value` settings, which win
#   HMS_HEAP        1g if not set
#   LOG_LEVEL       info if not set
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

(($# >= 3)) || usage
version=$1 dir=$(absolute "$2") port=$3
[[ ${4:-start} != stop ]] || { stop "$dir"; exit; }

metastore=org.apache.hadoop.hive.metastore
home=
case $version in
2.3.10)
  lib=$(echo "$(python_env spark-4.0)"/lib/python3*/site-packages/pyspark/jars)
  make_schema=("$ENGINES/PrepareLocks.java") # the server makes the rest
  [[ -z ${HMS_PG_URL:-} ]] || die "2.3.10 runs on Derby only: no artifact holds its PostgreSQL schema"
  ;;
3.1.3)
  lib=$(jars hms-3.1.3)
  home=$(unpacked hms-3.1.3-scripts org.apache.hive:hive-standalone-metastore:3.1.3:tar.gz:bin scripts)
  make_schema=($metastore.tools.MetastoreSchemaTool -initSchema -dbType)
  ;;
4.0.1)
  lib=$(jars hms-4.0.1)
  home=$(unpacked hms-4.0.1-scripts org.apache.hive:hive-standalone-metastore-server:4.0.1:tar.gz:bin scripts)
  make_schema=($metastore.tools.schematool.MetastoreSchemaTool -initSchema -dbType)
  ;;
*) usage ;;
esac
class_path="$dir/conf:$lib/*"

if [[ -n ${HMS_PG_URL:-} ]]; then
  store=postgres url=$HMS_PG_URL driver=org.postgresql.Driver
else
  store=derby url="jdbc:derby:$dir/db;create=true" driver=org.apache.derby.jdbc.EmbeddedDriver
fi
[[ -z $home ]] || make_schema+=($store)

# Hive 2 knows the names that begin with `hive.`, Hive 4 those without; each ignores the other's.
both() { printf '%s\nhive.%s\n' "$1" "$1"; }
settings() {
  local warehouse=${WAREHOUSE:-$dir/warehouse}
  echo "javax.jdo.option.ConnectionURL=$url"
  echo "javax.jdo.option.ConnectionDriverName=$driver"
  echo "datanucleus.connectionPoolingType=HikariCP" # the default of 2.3 is not among its jars
  echo "datanucleus.autoStartMechanismMode=ignored"
  both "metastore.schema.verification=false"
  both "metastore.warehouse.dir=$warehouse"
  both "metastore.event.db.notification.api.auth=false"
  echo "hive.async.log.enabled=false"
  echo "hadoop.tmp.dir=$dir/tmp"
  if [[ $version == 2.3.10 ]]; then
    echo "datanucleus.schema.autoCreateAll=true"
  else # the defaults of these need the rest of Hive
    both "metastore.expression.proxy=$metastore.DefaultPartitionExpressionProxy"
    both "metastore.task.threads.always=$metastore.events.EventCleanerTask"
    echo "metastore.task.threads.remote="
  fi
  if [[ $version == 4.0.1 ]]; then
    both "metastore.warehouse.external.dir=$warehouse-external"
    both "metastore.thrift.bind.host=127.0.0.1" # the others need `loopback`
  fi
  [[ -z ${HMS_PROPERTIES:-} ]] || cat "$HMS_PROPERTIES"
}
mkdir -p "$dir"/{conf,home,tmp}
settings | site_xml "$dir"/conf/{hive,metastore,core}-site.xml
log4j2 "$dir"/conf/{,hive-,metastore-}log4j2.properties

jdk=$(java_home 17 21)
java=(env "METASTORE_HOME=$home" "$jdk/bin/java" $(add_opens) "-Xmx${HMS_HEAP:-1g}" "-Duser.home=$dir/home"
  "-Djava.io.tmpdir=$dir/tmp" "-Dderby.stream.error.file=$dir/derby.log" -Dderby.system.durability=test
  -cp "$class_path")

if [[ ! -f $dir/schema.done ]]; then
  (cd "$dir" && "${java[@]}" "${make_schema[@]}") >"$dir/schema.log" 2>&1 ||
    { tail -n 20 "$dir/schema.log" >&2; die "could not make the tables in $store"; }
  touch "$dir/schema.done"
fi

shim=$(loopback)
ready() { listens "$port"; }
! listens "$port" || die "port $port is taken"
START_LIMIT_S=${START_LIMIT_S:-300} start "$dir" env "LD_PRELOAD=$shim" "${java[@]}" $metastore.HiveMetaStore -p "$port"
