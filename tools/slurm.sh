# Sourced by slurm_train.sh and slurm_test.sh: slurm PARTITION JOB_NAME SCRIPT [options of SCRIPT]
# GPUS: processes in all, one per GPU. GPUS_PER_NODE: per machine. CPUS_PER_TASK: cores of a process.
# SRUN_ARGS: more options of srun. GRES: what a machine must have, gpu:GPUS_PER_NODE unless you say
# otherwise; GRES= (empty) for machines without GPUs.
slurm() {
    partition=$1
    name=$2
    shift 2
    per_node=${GPUS_PER_NODE:-$(($GPUS < 8 ? $GPUS : 8))}
    gres=${GRES-gpu:$per_node}
    # SRUN_ARGS is split into words on purpose
    # shellcheck disable=SC2086
    PYTHONPATH="$ROOT${PYTHONPATH:+:$PYTHONPATH}" exec srun --partition="$partition" --job-name="$name" \
        ${gres:+--gres="$gres"} --ntasks="$GPUS" --ntasks-per-node="$per_node" \
        --cpus-per-task="${CPUS_PER_TASK:-5}" --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
        "${PYTHON:-python}" -u "$@" --launcher slurm
}
