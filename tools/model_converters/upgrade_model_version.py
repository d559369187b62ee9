"""``mmrotate upgrade`` as a script: ``python tools/model_converters/upgrade_model_version.py IN OUT``."""

import sys

from mmrotate.cli.upgrade import main

sys.exit(main())
