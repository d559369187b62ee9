"""``mmrotate anchors`` as a script: ``python tools/analysis_tools/optimize_anchors.py CONFIG ...``."""

import sys

from mmrotate.cli.anchors import main

sys.exit(main())
