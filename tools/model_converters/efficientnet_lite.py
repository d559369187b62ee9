"""ImageNet weights for ``EfficientNetLite``: ``python tools/model_converters/efficientnet_lite.py OUT``."""

import sys

from mmrotate.cli.efficientnet_lite import main

sys.exit(main())
