#!/usr/bin/env bash
# usage: spark.sh 4.0|3.5 COMMAND...
#
# Runs COMMAND (python, pyspark, spark-sql, spark-submit ...) with pyspark 4.0.2 or 3.5.7, and with s3a and the S3
# committers on its class path; what `clients.sh` has is there too. `spark.sh 4.0 env` fetches and prints the settings.
#   FORMAT  `iceberg` or `delta` (4.0), `hudi` (3.5): with what that format needs as well
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

(($# >= 2)) || usage
case $1 in
4.0) java_max=21 ;;
3.5) java_max=17 ;;
*) usage ;;
esac
JAVA_HOME=$(java_home 17 "$java_max")

venv=$(python_env "spark-$1")
clients=$(python_env skep-clients)
jars=$(jars "spark-$1-s3a")

class_path=$jars/* name=$1-s3a
if [[ -n ${FORMAT:-} ]]; then
  format_jars=$(jars "spark-$1-$FORMAT")
  [[ ! -f $ENGINES/python/$FORMAT.txt ]] || format_python=$(python_env "$FORMAT")
  class_path+=:$format_jars/* name=$1-$FORMAT
fi

SPARK_CONF_DIR=$CACHE/spark-$name-conf
mkdir -p "$SPARK_CONF_DIR"
cat >"$SPARK_CONF_DIR/spark-defaults.conf" <<X
spark.master                    local[2]
spark.driver.extraClassPath     $class_path
spark.driver.host               127.0.0.1
spark.driver.bindAddress        127.0.0.1
spark.ui.enabled                false
spark.ui.showConsoleProgress    false
spark.sql.shuffle.partitions    2
X
cat >"$SPARK_CONF_DIR/log4j2.properties" <<X
status = error
rootLogger.level = ${LOG_LEVEL:-error}
rootLogger.appenderRef.e.ref = e
logger.python.name = org.apache.spark.api.python.PythonGatewayServer
logger.python.level = ${LOG_LEVEL:-error}
appender.e.type = Console
appender.e.name = e
appender.e.target = SYSTEM_ERR
appender.e.layout.type = PatternLayout
appender.e.layout.pattern = %d{HH:mm:ss.SSS} %-5p [%t] %c{2} %m%n
X

PYTHONPATH=$ENGINES:$(echo "$clients"/lib/python3*/site-packages)
[[ -z ${format_python:-} ]] || PYTHONPATH+=:$(echo "$format_python"/lib/python3*/site-packages)
PYSPARK_PYTHON=$venv/bin/python
PATH=$venv/bin:$PATH
export JAVA_HOME SPARK_CONF_DIR PYSPARK_PYTHON PYTHONPATH PATH PYTHONDONTWRITEBYTECODE=1
unset SPARK_HOME
shift
exec "$@"
