"""Detect objects in a large image, patch by patch: ``huge_image_demo.py IMG CONFIG CHECKPOINT --out-file OUT``."""

import sys

from mmrotate.cli.huge_image_demo import main

sys.exit(main())
