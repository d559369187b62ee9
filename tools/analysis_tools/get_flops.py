"""``mmrotate flops`` as a script: ``python tools/analysis_tools/get_flops.py CONFIG ...``."""

import sys

from mmrotate.cli.flops import main

sys.exit(main())
