"""Detectors: image batch in, losses or boxes out."""

from .alignment import AlignConv, AlignConvModule, FeatureRefineModule
from .base import RotatedBaseDetector
from .detr import RotatedDeformableDETR, RotatedDINO, RotatedRTDETR
from .h2rbox import H2RBoxDetector, H2RBoxV2Detector
from .refine import R3Det, RefineSingleStageDetector, S2ANet
from .single_stage import YOLOX, RotatedFCOS, RotatedRepPoints, RotatedRetinaNet, RotatedSingleStageDetector, RTMDet
from .two_stage import GlidingVertex, OrientedRCNN, ReDet, RoITransformer, RotatedFasterRCNN, RotatedTwoStageDetector
