"""What a launcher tells its processes: who am I, how many are we, where do we meet."""

import os
import re
import subprocess

from mmrotate.utils import UserError

# launcher -> its names of rank, number of processes and number on this machine, and how to start by it
_VARIABLES = {
    'pytorch': (('RANK', 'WORLD_SIZE', 'LOCAL_RANK'), 'torchrun, e.g. tools/dist_train.sh CONFIG PROCESSES'),
    'slurm': (
        ('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_LOCALID'),
        'srun, e.g. tools/slurm_train.sh PARTITION JOB_NAME CONFIG WORK_DIR',
    ),
    'mpi': (
        ('OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE', 'OMPI_COMM_WORLD_LOCAL_RANK'),
        'mpirun of Open MPI, with MASTER_ADDR set to the first machine',
    ),
}
LAUNCHERS = ('none', *_VARIABLES)
_PORT = 29500


def name_processes(launcher: str, port: int | None = None) -> None:
    """Set the variables that ``torch.distributed`` reads (``RANK``, ``MASTER_ADDR``, ...) from those of ``launcher``.

    Args:
        launcher: ``pytorch``, ``slurm`` or ``mpi``.
        port: Where the processes meet, if the launcher does not say: torchrun does. It wins over ``MASTER_PORT``.

    Raises:
        UserError: This process was not started by the launcher.
    """
    names, start = _VARIABLES[launcher]
    if missing := [name for name in names if name not in os.environ]:
        raise UserError(f'--launcher {launcher}: {missing[0]} is not set: start by {start}')
    if launcher == 'pytorch':
        return
    for name, given in zip(_VARIABLES['pytorch'][0], names, strict=True):
        os.environ[name] = os.environ[given]
    if port is not None:
        os.environ['MASTER_PORT'] = str(port)
    os.environ.setdefault('MASTER_PORT', str(_PORT))
    if 'MASTER_ADDR' not in os.environ:
        if launcher == 'mpi':
            raise UserError(f'--launcher mpi: MASTER_ADDR is not set: start by {start}')
        os.environ['MASTER_ADDR'] = first_host(os.environ.get('SLURM_STEP_NODELIST') or os.environ['SLURM_NODELIST'])


def first_host(nodes: str) -> str:
    """The first machine of a list as Slurm writes it, such as ``gpu[07-09,12],login``."""
    try:
        done = subprocess.run(['scontrol', 'show', 'hostnames', nodes], capture_output=True, text=True, check=True)
        return done.stdout.split()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):  # in a container without Slurm's commands
        return re.sub(r'\[(\w+)[^\]]*\]', r'\1', re.match(r'(?:[^,\[]|\[[^\]]*\])*', nodes)[0])  # type: ignore[index]
