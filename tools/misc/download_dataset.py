"""``mmrotate download-dataset`` as a script: ``python tools/misc/download_dataset.py --dataset-name NAME ...``."""

import sys

from mmrotate.cli.download_dataset import main

sys.exit(main())
