"""Samplers: which of the assigned priors are trained on."""

from .ohem_sampler import OHEMSampler
from .random_sampler import PseudoSampler, RandomSampler, RRandomSampler
from .sampling_result import SamplingResult
