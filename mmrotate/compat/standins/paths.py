"""The modules that files of 0.x import names of mmcv, mmdet and mmcls from, beside the packages of the names' table."""

# package -> its modules
_INSIDE = {
    'mmcv': 'cnn fileio image ops parallel runner utils version',
    'mmcv.cnn': 'bricks utils resnet vgg alexnet',
    'mmcv.cnn.bricks': (
        'activation conv conv_module context_block depthwise_separable_conv_module drop hsigmoid hswish non_local norm '
        'padding plugin registry scale swish transformer upsample wrappers'
    ),
    'mmcv.cnn.utils': 'flops_counter fuse_conv_bn sync_bn weight_init',
    'mmcv.fileio': 'file_client io parse',
    'mmcv.image': 'colorspace geometric io misc photometric',
    'mmcv.ops': (
        'active_rotated_filter bbox box_iou_rotated chamfer_distance convex_iou deform_conv diff_iou_rotated '
        'focal_loss min_area_polygons modulated_deform_conv nms points_in_polygons riroi_align_rotated roi_align '
        'roi_align_rotated roi_pool rotated_feature_align'
    ),
    'mmcv.parallel': 'collate data_container data_parallel distributed scatter_gather utils',
    'mmcv.runner': (
        'base_module base_runner builder checkpoint default_constructor dist_utils epoch_based_runner fp16_utils hooks '
        'iter_based_runner optimizer priority utils'
    ),
    'mmcv.runner.hooks': 'checkpoint ema evaluation hook logger lr_updater optimizer sync_buffer',
    'mmcv.runner.hooks.logger': 'base text',
    'mmcv.runner.optimizer': 'builder default_constructor',
    'mmcv.utils': 'config logging misc parrots_wrapper path progressbar registry timer version_utils',
    'mmcls': 'models',
    'mmcls.models': 'builder',
    'mmdet': 'apis core datasets models utils version',
    'mmdet.apis': 'inference test train',
    'mmdet.core': 'anchor bbox evaluation hook mask optimizers post_processing utils visualization',
    'mmdet.core.anchor': 'anchor_generator builder point_generator utils',
    'mmdet.core.bbox': 'assigners builder coder iou_calculators samplers transforms',
    'mmdet.core.bbox.assigners': 'assign_result atss_assigner base_assigner max_iou_assigner',
    'mmdet.core.bbox.coder': 'base_bbox_coder delta_xywh_bbox_coder distance_point_bbox_coder pseudo_bbox_coder',
    'mmdet.core.bbox.iou_calculators': 'builder iou2d_calculator',
    'mmdet.core.bbox.samplers': 'base_sampler ohem_sampler pseudo_sampler random_sampler sampling_result',
    'mmdet.core.evaluation': 'class_names eval_hooks',
    'mmdet.core.post_processing': 'bbox_nms',
    'mmdet.core.utils': 'dist_utils misc',
    'mmdet.core.visualization': 'image palette',
    'mmdet.datasets': 'api_wrappers builder custom dataset_wrappers pipelines samplers utils',
    'mmdet.datasets.pipelines': 'compose formating formatting loading test_time_aug transforms',
    'mmdet.models': 'backbones builder dense_heads detectors losses necks roi_heads utils',
    'mmdet.models.backbones': 'resnet resnext swin',
    'mmdet.models.dense_heads': 'base_dense_head',
    'mmdet.models.detectors': 'base single_stage two_stage',
    'mmdet.models.losses': (
        'accuracy cross_entropy_loss focal_loss iou_loss mse_loss smooth_l1_loss utils'
    ),
    'mmdet.models.necks': 'fpn pafpn',
    'mmdet.models.roi_heads': 'base_roi_head bbox_heads builder mask_heads roi_extractors shared_heads test_mixins',
    'mmdet.models.roi_heads.roi_extractors': 'single_level_roi_extractor',
    'mmdet.models.utils': 'builder make_divisible misc res_layer se_layer',
    'mmdet.utils': 'collect_env compat_config logger misc setup_env util_distribution',
}  # fmt: skip

PATHS = frozenset(f'{package}.{module}' for package, modules in _INSIDE.items() for module in modules.split())
