"""``mmrotate publish`` as a script: ``python tools/model_converters/publish_model.py IN OUT``."""

import sys

from mmrotate.cli.publish import main

sys.exit(main())
