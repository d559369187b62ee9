#!/usr/bin/env bash
# .ci/slurm.sh COMMAND...: run a command on a machine that is a whole Slurm cluster by itself.
# Needs root and Debian's packages slurmctld, slurmd, slurm-client and munge (installed if apt-get can).
# All daemons are ended and their files removed afterwards.
set -euo pipefail

if ! command -v slurmctld slurmd srun munged >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
        slurmctld slurmd slurm-client munge >/dev/null
fi

home=$(mktemp -d)
pids=()
cleanup() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$home"
}
trap cleanup EXIT

host=$(hostname -s)
cores=$(nproc)
export SLURM_CONF=$home/slurm.conf
cat >"$SLURM_CONF" <<CONF
ClusterName=one
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$home/munge.socket
CryptoType=crypto/munge
SlurmctldPort=$((20000 + $$ % 10000))
SlurmdPort=$((30000 + $$ % 10000))
StateSaveLocation=$home/state
SlurmdSpoolDir=$home/spool
SlurmctldPidFile=$home/slurmctld.pid
SlurmdPidFile=$home/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SlurmctldTimeout=30
NodeName=$host NodeAddr=127.0.0.1 CPUs=$cores State=UNKNOWN
PartitionName=test Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
mkdir -p "$home/state" "$home/spool"
chmod 700 "$home"
head -c 1024 /dev/urandom >"$home/munge.key"
chmod 400 "$home/munge.key"

munged --foreground --force --key-file="$home/munge.key" --socket="$home/munge.socket" \
    --pid-file="$home/munge.pid" --log-file="$home/munge.log" --seed-file="$home/munge.seed" >/dev/null 2>&1 &
pids+=($!)
for _ in $(seq 50); do [ -S "$home/munge.socket" ] && break; sleep 0.1; done
slurmctld -D >"$home/slurmctld.log" 2>&1 &
pids+=($!)
slurmd -D >"$home/slurmd.log" 2>&1 &
pids+=($!)

for _ in $(seq 60); do
    if sinfo -h -o %T 2>/dev/null | grep -q idle; then
        "$@"
        exit
    fi
    sleep 0.5
done
echo 'the cluster did not come up' >&2
tail -n 20 "$home"/*.log >&2
exit 1
