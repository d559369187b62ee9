"""Scores of an exported detector: ``python tools/deployment/test.py CONFIG MODEL --eval mAP``."""

import sys

from mmrotate.cli.test_exported import main

sys.exit(main())
