#!/usr/bin/env bash
# usage: python.sh NAME COMMAND...
#
# Runs COMMAND (python, pytest ...) with what `python/NAME.txt` asks for, such as `trino`, and with what `clients.sh` has.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

(($# >= 2)) || usage
venv=$(python_env "$1")
clients=$(python_env skep-clients)
shift
PATH=$venv/bin:$PATH PYTHONPATH=$ENGINES:$(echo "$clients"/lib/python3*/site-packages) PYTHONDONTWRITEBYTECODE=1 exec "$@"
