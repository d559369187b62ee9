"""Under .ci/slurm.sh: two tasks train and test by Slurm, to the weights and the score of torchrun."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.helpers.tiny import assert_same_weights, free_port, write_config  # noqa: E402


def run(script: str, *arguments: object) -> None:
    """Run a script of tools/ in two processes on the CPU."""
    os.environ.update(
        PYTHON=sys.executable, GPUS='2', GRES='', CPUS_PER_TASK='1', PORT=free_port(), OMP_NUM_THREADS='1'
    )
    subprocess.run([ROOT / 'tools' / script, *map(str, arguments)], cwd=ROOT, check=True, timeout=300)


with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    config = write_config(folder)
    slurm, torchrun = folder / 'slurm', folder / 'torchrun'
    port = f'dist_params.port={free_port()}'
    run('slurm_train.sh', 'test', 'train', config, slurm, '--options', port)
    run('dist_train.sh', config, 2, '--work-dir', torchrun)
    assert_same_weights(slurm / 'latest.pth', torchrun / 'latest.pth')
    run('slurm_test.sh', 'test', 'test', config, slurm / 'latest.pth', '--out', folder / 'slurm.json')
    run('dist_test.sh', config, slurm / 'latest.pth', 2, '--out', folder / 'torchrun.json')
    assert (folder / 'slurm.json').read_text() == (folder / 'torchrun.json').read_text()
print('two tasks of Slurm: the weights and the results of torchrun')
