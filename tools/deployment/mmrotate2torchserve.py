"""``python tools/deployment/mmrotate2torchserve.py CONFIG CHECKPOINT --output-folder FOLDER --model-name NAME``."""

import sys

from mmrotate.cli.torchserve_archive import main

sys.exit(main())
