#!/usr/bin/env bash
# Makes an environment with the extra mmdet on top of the packages that PYTHON has (default: python3), runs its tests,
# and tries every backbone, neck and loss of MMDetection in it. The table goes into docs/mmdet_extra.md.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$python" -m venv "$work/env"
site() { "$1" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'; }
site "$python" >"$(site "$work/env/bin/python")/base.pth"
"$work/env/bin/pip" install -q -r requirements/mmdet.txt
"$work/env/bin/pip" install -q --no-deps mmcv-lite==2.1.0

export PYTHONPATH=$PWD OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
"$work/env/bin/python" -m pytest -q -p no:cacheprovider tests/compat/test_mmdet_extra.py
"$work/env/bin/python" -W ignore benchmarks/mmdet_extra.py --out docs/mmdet_extra.md
