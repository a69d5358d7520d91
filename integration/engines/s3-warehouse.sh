#!/usr/bin/env bash
# usage: s3-warehouse.sh DIR COMMAND...
#
# Runs COMMAND beside moto and a skep that keeps its data in a bucket there: `immediate`, so that what is dropped goes. Both
# lie in DIR. It is for `moto.sh`'s and `skep.sh`'s variables, and
#   WAREHOUSE  the warehouse, s3a://BUCKET/PATH
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

(($# >= 2)) || usage
dir=$(absolute "$1"); shift

if [[ -z ${MOTO_URL:-} ]]; then
  exec "$ENGINES/moto.sh" "$dir/moto" "$0" "$dir" "$@"
fi
export WAREHOUSE=s3a://plain/some/warehouse
"$ENGINES/clients.sh" python -c "import boto3
s3 = boto3.client('s3', endpoint_url='$MOTO_URL', region_name='us-east-1')
for bucket in ('plain', 'another'): s3.create_bucket(Bucket=bucket)"
export SKEP_SERVE_WAREHOUSE=$WAREHOUSE SKEP_SERVE_WAREHOUSE_DELETE=immediate SKEP_SERVE_WAREHOUSE_ENDPOINT=$MOTO_URL
exec "$ENGINES/skep.sh" "$dir/skep" "$@"
