"""``mmrotate print-config`` as a script: ``python tools/misc/print_config.py CONFIG ...``."""

import sys

from mmrotate.cli.print_config import main

sys.exit(main())
