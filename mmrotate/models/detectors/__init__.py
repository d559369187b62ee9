"""Detectors: image batch in, losses or boxes out."""

from .alignment import AlignConv, AlignConvModule, FeatureRefineModule
from .base import RotatedBaseDetector
from .detr import RotatedDeformableDETR, RotatedDINO, RotatedRTDETR
from .refine import R3Det, RefineSingleStageDetector, S2ANet
from .single_stage import RotatedFCOS, RotatedRepPoints, RotatedRetinaNet, RotatedSingleStageDetector, RTMDet
from .two_stage import GlidingVertex, OrientedRCNN, ReDet, RoITransformer, RotatedFasterRCNN, RotatedTwoStageDetector
