"""``mmrotate browse`` as a script: ``python tools/misc/browse_dataset.py CONFIG ...``."""

import sys

from mmrotate.cli.browse import main

sys.exit(main())
