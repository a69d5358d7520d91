#!/usr/bin/env bash
# usage: moto.sh DIR COMMAND...
#
# Runs COMMAND beside moto, an S3 server that is not ours, whose log and pid file lie in DIR, and stops it afterwards. It keeps
# what it is given in memory. COMMAND finds it by these:
#   MOTO_URL                                    its address, http://127.0.0.1:PORT
#   AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY    keys, of which it takes any
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

(($# >= 2)) || usage
dir=$(absolute "$1"); shift

venv=$(python_env moto)
port=$(free_ports 1)
ready() { listens "$port"; }
start "$dir" "$venv/bin/moto_server" -H 127.0.0.1 -p "$port"
trap 'stop "$dir"' EXIT
export MOTO_URL=http://127.0.0.1:$port AWS_ACCESS_KEY_ID=moto-key AWS_SECRET_ACCESS_KEY=moto-secret
"$@"
