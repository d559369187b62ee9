"""Detect objects in a video: ``video_gpuaccel_demo.py VIDEO CONFIG CHECKPOINT --out OUT``."""

import sys

from mmrotate.cli.video_demo import main

sys.exit(main())
