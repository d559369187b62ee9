"""``mmrotate test`` as a script: ``python tools/test.py CONFIG ...``."""

import sys

from mmrotate.cli.test import main

sys.exit(main())
