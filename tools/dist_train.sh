#!/bin/sh
# tools/dist_train.sh CONFIG PROCESSES [options of train.py]
# PROCESSES: per machine, one per GPU. On several machines run it on each with NNODES, NODE_RANK and
# MASTER_ADDR set (and PORT, the same on all). MAX_RESTARTS=3 and --auto-resume survive a process that dies.
set -eu

if [ $# -lt 2 ]; then
    echo "usage: $0 CONFIG PROCESSES [options of train.py]" >&2
    exit 2
fi
CONFIG=$1
PROCESSES=$2
shift 2
ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/tools/torchrun.sh"

torchrun "$ROOT/tools/train.py" "$PROCESSES" "$CONFIG" --launcher pytorch "$@"
