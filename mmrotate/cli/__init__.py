"""The command ``mmrotate``: argument parsing lives here and nowhere else."""

from mmrotate.cli.main import main
