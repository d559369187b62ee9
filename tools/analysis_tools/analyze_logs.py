"""``mmrotate analyze logs`` as a script: ``python tools/analysis_tools/analyze_logs.py plot_curve LOG ...``."""

import sys

from mmrotate.cli.analyze import main

sys.exit(main(['logs', *sys.argv[1:]]))
