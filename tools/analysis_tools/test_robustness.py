"""``mmrotate robustness`` as a script: ``python tools/analysis_tools/test_robustness.py CONFIG CHECKPOINT ...``."""

import sys

from mmrotate.cli.robustness import main

sys.exit(main())
