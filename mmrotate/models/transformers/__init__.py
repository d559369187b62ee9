"""Parts of the detectors that find objects by queries: attention, encoders, decoders, noised queries, costs."""

from .denoising import NoisedQueries
from .hybrid_encoder import HybridEncoder
from .layers import Decoder, DeformableEncoder
from .match_costs import ChamferCost, FocalLossCost, GDCost, HausdorffCost, RBoxL1Cost, RotatedIoUCost
