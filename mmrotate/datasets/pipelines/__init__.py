"""Steps of the data pipelines."""

from .affine import RandomAffine, RandomShift
from .autoaugment import AutoAugment, BrightnessTransform, ColorTransform, ContrastTransform, EqualizeTransform
from .box_types import ConvertBoxType
from .canvas import Expand, MinIoURandomCrop, RandomCenterCropPad
from .colour import Albu, PhotoMetricDistortion, YOLOXHSVRandomAug
from .compose import Compose, MultiScaleFlipAug
from .corrupt import Corrupt
from .crop import CutOut, RRandomCrop
from .formatting import Collect, DefaultFormatBundle, ImageToTensor, Normalize, ToDataContainer, ToTensor, Transpose
from .geometric import Pad, RRandomFlip, RResize
from .image import BadImageError
from .loading import (
    FilterAnnotations,
    LoadAnnotations,
    LoadImageFromFile,
    LoadImageFromWebcam,
    LoadMultiChannelImageFromFiles,
    LoadPatchFromImage,
    LoadProposals,
)
from .mixing import CachedMixUp, CachedMosaic, MixUp, RMosaic
from .moves import RandomChoiceRotate, RandomRotate, Rotate, Shear, Translate
from .pasting import CopyPaste
from .rotate import PolyRandomRotate
