"""An exported file as an engine of TensorRT: ``python tools/deployment/onnx2tensorrt.py CONFIG MODEL ...``."""

import sys

from mmrotate.cli.onnx2tensorrt import main

sys.exit(main())
