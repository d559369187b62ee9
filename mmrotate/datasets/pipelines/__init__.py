"""Steps of the data pipelines."""

from .compose import Compose, MultiScaleFlipAug
from .corrupt import Corrupt
from .formatting import Collect, DefaultFormatBundle, ImageToTensor, Normalize
from .geometric import Pad, RRandomFlip, RResize
from .image import BadImageError
from .loading import LoadAnnotations, LoadImageFromFile, LoadImageFromWebcam, LoadPatchFromImage
from .rotate import PolyRandomRotate
