"""``python tools/deployment/test_torchserver.py IMAGE CONFIG CHECKPOINT MODEL_NAME``."""

import sys

from mmrotate.cli.torchserve_compare import main

sys.exit(main())
