"""``mmrotate train`` as a script: ``python tools/train.py CONFIG ...``."""

import sys

from mmrotate.cli.train import main

sys.exit(main())
