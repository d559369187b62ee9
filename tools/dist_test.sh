#!/bin/sh
# tools/dist_test.sh CONFIG CHECKPOINT PROCESSES [options of test.py]
# PROCESSES: per machine, one per GPU. On several machines run it on each with NNODES, NODE_RANK and
# MASTER_ADDR set (and PORT, the same on all).
set -eu

if [ $# -lt 3 ]; then
    echo "usage: $0 CONFIG CHECKPOINT PROCESSES [options of test.py]" >&2
    exit 2
fi
CONFIG=$1
CHECKPOINT=$2
PROCESSES=$3
shift 3
ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/tools/torchrun.sh"

torchrun "$ROOT/tools/test.py" "$PROCESSES" "$CONFIG" "$CHECKPOINT" --launcher pytorch "$@"
