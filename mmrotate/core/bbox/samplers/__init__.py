"""Samplers: which of the assigned priors are trained on."""

from .random_sampler import PseudoSampler, RandomSampler, RRandomSampler
from .sampling_result import SamplingResult

__all__ = ['PseudoSampler', 'RRandomSampler', 'RandomSampler', 'SamplingResult']
