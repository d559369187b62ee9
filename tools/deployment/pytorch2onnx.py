"""``mmrotate export`` by its name of 0.x: ``python tools/deployment/pytorch2onnx.py CONFIG CHECKPOINT ...``."""

import sys

from mmrotate.cli.pytorch2onnx import main

sys.exit(main())
