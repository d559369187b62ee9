"""``mmrotate benchmark`` as a script: ``python tools/analysis_tools/benchmark.py CONFIG CHECKPOINT ...``."""

import sys

from mmrotate.cli.benchmark import main

sys.exit(main())
