"""``mmrotate robustness-eval`` as a script: ``python tools/analysis_tools/robustness_eval.py FILE ...``."""

import sys

from mmrotate.cli.robustness_eval import main

sys.exit(main())
