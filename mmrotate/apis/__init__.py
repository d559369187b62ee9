"""What a program calls: training, testing, and detection on images."""

from mmrotate.apis.inference import (
    build_test_model,
    inference_detector,
    init_detector,
    without_pretrained,
)
from mmrotate.apis.results import results_to_dict, write_results_json
from mmrotate.apis.test import draw_result, draw_results, multi_gpu_test, single_gpu_test
from mmrotate.apis.train import train_detector, training_seed
from mmrotate.utils import init_random_seed, set_random_seed

__all__ = [
    'build_test_model',
    'draw_result',
    'draw_results',
    'inference_detector',
    'init_detector',
    'init_random_seed',
    'multi_gpu_test',
    'results_to_dict',
    'set_random_seed',
    'single_gpu_test',
    'train_detector',
    'training_seed',
    'without_pretrained',
    'write_results_json',
]
