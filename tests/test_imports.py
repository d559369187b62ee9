"""The places from which code for 0.x imports its names."""

import importlib

import pytest

from mmrotate import registry

REGISTRIES = {
    'mmrotate.core.anchor': ('ANCHOR_GENERATORS', 'PRIOR_GENERATORS'),
    'mmrotate.core.bbox': ('BBOX_ASSIGNERS', 'BBOX_CODERS', 'BBOX_SAMPLERS', 'IOU_CALCULATORS'),
    'mmrotate.datasets': ('DATASETS', 'PIPELINES'),
    'mmrotate.models': ('BACKBONES', 'DETECTORS', 'HEADS', 'LOSSES', 'NECKS', 'ROI_EXTRACTORS', 'SHARED_HEADS'),
}
FUNCTIONS = {
    'mmrotate.apis': 'inference_detector init_detector train_detector',
    'mmrotate.core': (
        'aug_multiclass_nms_rotated build_assigner build_bbox_coder build_iou_calculator '
        'build_prior_generator build_sampler eval_rbbox_map hbb2obb imshow_det_rbboxes '
        'multiclass_nms_rotated norm_angle obb2hbb obb2poly obb2poly_np obb2xyxy poly2obb '
        'poly2obb_np rbbox2result rbbox2roi rbbox_overlaps rotated_anchor_inside_flags'
    ),
    'mmrotate.core.anchor': 'build_prior_generator rotated_anchor_inside_flags',
    'mmrotate.core.bbox': 'build_assigner build_bbox_coder build_sampler rbbox_overlaps',
    'mmrotate.core.bbox.builder': 'build_assigner build_bbox_coder build_sampler',
    'mmrotate.core.bbox.transforms': 'norm_angle obb2poly poly2obb rbbox2roi',
    'mmrotate.core.evaluation': 'eval_rbbox_map',
    'mmrotate.core.post_processing': 'aug_multiclass_nms_rotated multiclass_nms_rotated',
    'mmrotate.core.visualization': 'get_palette imshow_det_rbboxes',
    'mmrotate.datasets': 'DOTADataset build_dataset build_dataloader',
    'mmrotate.datasets.builder': 'build_dataset build_dataloader',
    'mmrotate.models': 'build_backbone build_detector build_head build_loss build_neck',
    'mmrotate.models.builder': 'build_backbone build_detector build_head build_roi_extractor',
    'mmrotate.utils': 'collect_env find_latest_checkpoint get_root_logger',
}


@pytest.mark.parametrize('package', REGISTRIES)
@pytest.mark.parametrize('module', ['', '.builder'])
def test_registries_have_their_old_places(package, module):
    found = importlib.import_module(package + module)
    for name in REGISTRIES[package]:
        full = f'ROTATED_{name}'
        assert getattr(found, full) is getattr(registry, full)


@pytest.mark.parametrize('module', FUNCTIONS)
def test_functions_and_classes_have_their_old_places(module):
    found = importlib.import_module(module)
    assert [name for name in FUNCTIONS[module].split() if not callable(getattr(found, name))] == []
