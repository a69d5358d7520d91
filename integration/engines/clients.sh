#!/usr/bin/env bash
# usage: clients.sh COMMAND...
#
# Runs COMMAND (python, pytest ...) with a Thrift client that knows nothing of ours but the IDL, boto3 and pytest.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

(($# >= 1)) || usage
venv=$(python_env skep-clients)
PATH=$venv/bin:$PATH PYTHONPATH=$ENGINES PYTHONDONTWRITEBYTECODE=1 exec "$@"
