"""Detect objects in an image: ``image_demo.py IMG CONFIG CHECKPOINT --out-file OUT``."""

import sys

from mmrotate.cli.image_demo import main

sys.exit(main())
