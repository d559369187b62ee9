#!/usr/bin/env bash
# All that has to be seen on a GPU, in one command of at most eight minutes: the tests of the Triton
# kernels, their results against C++ and PyTorch, speed of the operations, throughput and memory of
# five detectors, short trainings in mixed precision. Writes gpu.json and gpu.md into --out.
#
#   bash benchmarks/gpu.sh [--pack DIR] [--out DIR] [--device cuda|cpu] [--tiny] [--minutes 8]
#
# --pack  what `python benchmarks/gpu_pack.py` made, for a machine without a network: wheels of the
#         packages that it lacks, and the images to train on
# --tiny  small sizes, to see on any machine that nothing fails
# Needs a python3 (or PYTHON) with PyTorch; a C++ compiler gives the C++ side of the comparison.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=${PYTHON:-python3}
pack=''
args=()
while (($#)); do
    case $1 in
        --pack) pack=$(cd "${2:?--pack needs a folder}" && pwd); shift ;;
        --help | -h) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; exit 0 ;;
        *) args+=("$1") ;;
    esac
    shift
done

export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1
if [[ -d $pack/wheels ]]; then
    # packages that are there are not replaced: those of the pack come last
    site=$(mktemp -d)
    trap 'rm -rf "$site"' EXIT
    "$python" -m pip install -q --no-index --no-deps --no-compile --target "$site" "$pack"/wheels/*.whl
    export PYTHONPATH="$PYTHONPATH:$site"
fi
[[ -d $pack/data ]] && args+=(--data "$pack/data")

cd "$root"
if ! compgen -G 'mmrotate/ops/_mmrotate_ops*' >/dev/null; then
    "$python" setup.py -q build_ext --inplace || echo 'the C++ operations could not be built: PyTorch alone is compared'
fi
"$python" benchmarks/gpu.py "${args[@]}"
