"""Detect objects in what a camera sees: ``webcam_demo.py CONFIG CHECKPOINT --camera-id 0``."""

import sys

from mmrotate.cli.video_demo import webcam_main

sys.exit(webcam_main())
