# Sourced by dist_train.sh and dist_test.sh: torchrun SCRIPT PROCESSES [options of SCRIPT]
# One machine, or several: run it on each with NNODES, NODE_RANK and MASTER_ADDR set (and PORT, the same
# on all). NNODES=1:4 lets machines come and go; MAX_RESTARTS=3 starts all processes anew when one dies.
torchrun() {
    script=$1
    processes=$2
    shift 2
    nodes=${NNODES:-1}
    if [ "$nodes" = "${nodes#*:}" ]; then
        set -- --node_rank="${NODE_RANK:-0}" --master_addr="${MASTER_ADDR:-127.0.0.1}" \
            --master_port="${PORT:-29500}" "$script" "$@"
    else
        set -- --rdzv-backend=c10d --rdzv-endpoint="${MASTER_ADDR:-127.0.0.1}:${PORT:-29500}" \
            --rdzv-id="${RDZV_ID:-mmrotate}" "$script" "$@"
    fi
    PYTHONPATH="$ROOT${PYTHONPATH:+:$PYTHONPATH}" exec "${PYTHON:-python}" -m torch.distributed.run \
        --nnodes="$nodes" --nproc_per_node="$processes" --max-restarts="${MAX_RESTARTS:-0}" "$@"
}
