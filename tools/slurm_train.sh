#!/bin/sh
# [GPUS=8] [GPUS_PER_NODE=8] [CPUS_PER_TASK=5] [SRUN_ARGS=...] \
#     tools/slurm_train.sh PARTITION JOB_NAME CONFIG WORK_DIR [options of train.py]
# The variables are explained in slurm.sh. Two jobs on one machine need two ports:
# --cfg-options dist_params.port=29501
set -eu

if [ $# -lt 4 ]; then
    echo "usage: $0 PARTITION JOB_NAME CONFIG WORK_DIR [options of train.py]" >&2
    exit 2
fi
PARTITION=$1
JOB_NAME=$2
CONFIG=$3
WORK_DIR=$4
shift 4
GPUS=${GPUS:-8}
ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/tools/slurm.sh"

slurm "$PARTITION" "$JOB_NAME" "$ROOT/tools/train.py" "$CONFIG" --work-dir="$WORK_DIR" "$@"
