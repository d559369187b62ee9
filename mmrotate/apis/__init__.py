"""What a program calls: training, testing, and detection on images."""

from typing import TYPE_CHECKING

from mmrotate.utils.lazy import lazily

if TYPE_CHECKING:
    from mmrotate.apis.asynchronous import async_inference_detector
    from mmrotate.apis.converters import to_coco, to_fiftyone, to_pandas, to_supervision
    from mmrotate.apis.inference import build_test_model, inference_detector, init_detector, without_pretrained
    from mmrotate.apis.patches import inference_detector_by_patches
    from mmrotate.apis.results import results_to_dict, write_results_json
    from mmrotate.apis.show import show_result_pyplot
    from mmrotate.apis.test import draw_result, draw_results, multi_gpu_test, single_gpu_test
    from mmrotate.apis.train import train_detector, training_seed
    from mmrotate.utils import init_random_seed, set_random_seed

lazily(__name__)
