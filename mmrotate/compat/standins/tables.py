"""What stands in for which name of mmcv 1.x, mmdet 2.x and mmcls 0.x.

``NAMES`` has per module the places of today and what they give, ``former=own`` where the name has changed. A module
has the names of the packages around it too, so ``mmdet.core`` answers for ``mmdet.core.bbox.assigners``.
"""

from mmrotate.compat.standins.paths import PATHS

# a file of 0.x asks them for the versions that it can run with
VERSIONS = {'mmcv': '1.7.2', 'mmdet': '2.28.2', 'mmcls': '0.25.0'}

_OWN = 'mmrotate.compat.standins'
_MODELS = (
    'BACKBONES=MODELS NECKS=MODELS HEADS=MODELS LOSSES=MODELS DETECTORS=MODELS ROI_EXTRACTORS=MODELS '
    'SHARED_HEADS=MODELS MODELS'
)
_UTILS = (
    'ProgressBar Timer TimerError check_file_exist check_prerequisites check_time concat_list deprecated_api_warning '
    'digit_version fopen has_method import_modules_from_strings is_filepath is_list_of is_method_overridden is_seq_of '
    'is_str is_tuple_of iter_cast list_cast mkdir_or_exist requires_executable requires_package scandir slice_list '
    'symlink to_1tuple to_2tuple to_3tuple to_4tuple to_ntuple track_iter_progress track_parallel_progress '
    'track_progress tuple_cast'
)
_BUILDERS = 'build_backbone build_neck build_head build_loss build_detector build_roi_extractor build_shared_head'

NAMES: dict[str, dict[str, str]] = {
    'mmcv': {
        'mmengine.config': 'Config ConfigDict DictAction',
        'mmengine.fileio': 'FileClient BaseStorageBackend dict_from_file dump list_from_file load register_handler',
        'mmengine.utils': _UTILS,
        f'{_OWN}.images': (
            'bgr2gray bgr2hsv bgr2rgb gray2bgr gray2rgb hsv2bgr imcrop imdenormalize imflip imflip_ imfrombytes '
            'imnormalize imnormalize_ impad impad_to_multiple imread imrescale imresize imresize_like imrotate imwrite '
            'rescale_size rgb2bgr rgb2gray'
        ),
    },
    'mmcv.utils': {
        'mmengine.config': 'Config ConfigDict DictAction',
        'mmengine.utils': _UTILS,
        'mmengine.utils.dl_utils': 'TORCH_VERSION collect_env is_jit_tracing',
        'mmengine.logging': 'print_log',
        'mmrotate.registry': 'Registry',
        'torch.nn.modules.batchnorm': '_BatchNorm',
        'torch.nn.modules.instancenorm': '_InstanceNorm',
        f'{_OWN}.parts': 'build_from_cfg get_logger',
    },
    'mmcv.parallel': {
        f'{_OWN}.parallel': 'DataContainer MMDataParallel MMDistributedDataParallel collate is_module_wrapper scatter',
    },
    'mmcv.runner': {
        'mmengine.model': 'ModuleDict ModuleList Sequential',
        'mmengine.dist': 'get_dist_info master_only',
        'mmengine.hooks': 'SyncBuffersHook',
        'mmengine.registry': 'OPTIMIZERS OPTIMIZER_BUILDERS=OPTIM_WRAPPER_CONSTRUCTORS',
        'mmengine.runner': 'CheckpointLoader Priority get_priority weights_to_cpu',
        'mmrotate.models.base_module': 'BaseModule',
        'mmrotate.registry': 'HOOKS',
        'mmrotate.engine': 'CheckpointHook init_dist',
        'mmrotate.utils': 'set_random_seed',
        'mmrotate.compat.hooks': 'Hook OptimizerHook',
        'mmrotate.engine.loggers': 'LoggerHook TextLoggerHook',
        f'{_OWN}.precision': 'auto_fp16 force_fp32 wrap_fp16_model',
        f'{_OWN}.parts': 'load_checkpoint _load_checkpoint load_state_dict save_checkpoint',
        f'{_OWN}.training': (
            'BaseRunner DefaultOptimizerConstructor DistEvalHook EpochBasedRunner EvalHook Fp16OptimizerHook '
            'IterBasedRunner allreduce_grads build_optimizer'
        ),
    },
    'mmcv.cnn': {
        'mmrotate.models.layers': 'Scale',
        'mmengine.model': (
            'caffe2_xavier_init constant_init kaiming_init normal_init trunc_normal_init uniform_init xavier_init '
            'bias_init_with_prob Caffe2XavierInit ConstantInit KaimingInit NormalInit PretrainedInit TruncNormalInit '
            'UniformInit XavierInit'
        ),
        'mmengine.model.weight_init': 'INITIALIZERS=WEIGHT_INITIALIZERS initialize',
        'mmengine.utils.dl_utils.torch_ops': 'torch_meshgrid',
        'mmrotate.registry': (
            'ACTIVATION_LAYERS=MODELS CONV_LAYERS=MODELS MODELS NORM_LAYERS=MODELS PADDING_LAYERS=MODELS '
            'PLUGIN_LAYERS=MODELS UPSAMPLE_LAYERS=MODELS'
        ),
        'mmrotate.utils.fuse': 'fuse_conv_bn',
        'torch.nn': 'Conv2d Conv3d ConvTranspose2d ConvTranspose3d Linear MaxPool2d MaxPool3d',
        f'{_OWN}.layers': (
            'ConvModule DepthwiseSeparableConvModule HSigmoid HSwish NonLocal2d Swish build_activation_layer '
            'build_conv_layer build_norm_layer build_padding_layer build_plugin_layer build_upsample_layer is_norm'
        ),
        f'{_OWN}.parts': 'get_model_complexity_info',
    },
    'mmcv.ops': {
        'mmrotate.ops': (
            'DeformConv2d DeformConv2dPack ModulatedDeformConv2d ModulatedDeformConv2dPack RiRoIAlignRotated '
            'RoIAlignRotated active_rotated_filter box_iou_quadri box_iou_rotated chamfer_distance convex_giou '
            'convex_iou deform_conv2d diff_iou_rotated_2d min_area_polygons modulated_deform_conv2d nms_quadri '
            'nms_rotated points_in_polygons riroi_align_rotated roi_align_rotated rotated_feature_align'
        ),
        f'{_OWN}.ops': (
            'RoIAlign RoIPool SigmoidFocalLoss SoftmaxFocalLoss batched_nms bbox_overlaps nms '
            'roi_align roi_pool sigmoid_focal_loss soft_nms softmax_focal_loss'
        ),
        'torch.nn': 'Conv2d ConvTranspose2d Linear MaxPool2d SyncBatchNorm',
    },
    'mmcls.models': {'mmrotate.registry': _MODELS, 'mmrotate.models.builder': _BUILDERS},
    'mmdet.apis': {
        'mmrotate.apis': (
            'async_inference_detector inference_detector init_detector init_random_seed multi_gpu_test set_random_seed '
            'show_result_pyplot single_gpu_test train_detector'
        ),
        'mmrotate.utils': 'get_root_logger',
    },
    'mmdet.core': {
        'mmrotate.registry': (
            'ANCHOR_GENERATORS=TASK_UTILS BBOX_ASSIGNERS=TASK_UTILS BBOX_CODERS=TASK_UTILS BBOX_SAMPLERS=TASK_UTILS '
            'IOU_CALCULATORS=TASK_UTILS PRIOR_GENERATORS=TASK_UTILS'
        ),
        'mmrotate.core.bbox': (
            'AssignResult BboxOverlaps2D CombinedSampler DeltaXYWHBBoxCoder DistancePointBBoxCoder MaxIoUAssigner '
            'OHEMSampler PseudoSampler RandomSampler SamplingResult bbox2roi bbox_overlaps build_assigner '
            'build_bbox_coder build_iou_calculator build_sampler'
        ),
        'mmrotate.core.anchor': (
            'AnchorGenerator MlvlPointGenerator anchor_inside_flags build_anchor_generator=build_prior_generator '
            'build_prior_generator'
        ),
        'mmrotate.core.visualization': 'get_palette',
        'mmrotate.compat.drawing': 'palette_val',
        f'{_OWN}.boxes': (
            'BaseAssigner BaseBBoxCoder BaseSampler BitmapMasks PseudoBBoxCoder bbox2distance bbox2result '
            'bbox_cxcywh_to_xyxy bbox_flip bbox_mapping bbox_mapping_back bbox_rescale bbox_xyxy_to_cxcywh '
            'distance2bbox find_inside_bboxes multiclass_nms roi2bbox'
        ),
        f'{_OWN}.parts': (
            'filter_scores_and_topk flip_tensor generate_coordinate images_to_levels multi_apply reduce_mean '
            'select_single_mlvl unmap'
        ),
        'mmrotate.compat.hooks': 'DistOptimizerHook=OptimizerHook',
        f'{_OWN}.training': 'DistEvalHook EvalHook allreduce_grads',
    },
    'mmdet.datasets': {
        'mmrotate.registry': 'DATASETS PIPELINES',
        'mmrotate.datasets': (
            'ClassBalancedDataset ConcatDataset CustomDataset MultiImageMixDataset RepeatDataset build_dataloader '
            'build_dataset'
        ),
        'mmrotate.datasets.builder': 'worker_init_fn',
    },
    'mmdet.datasets.pipelines': {
        'mmrotate.datasets.pipelines': (
            'Collect Compose DefaultFormatBundle ImageToTensor LoadAnnotations LoadImageFromFile LoadImageFromWebcam '
            'MultiScaleFlipAug Normalize Pad Albu CutOut FilterAnnotations LoadMultiChannelImageFromFiles '
            'LoadProposals MixUp PhotoMetricDistortion ToDataContainer ToTensor Transpose YOLOXHSVRandomAug '
            'Mosaic=RMosaic RandomAffine RandomFlip=RRandomFlip RandomShift Resize=RResize'
        ),
        f'{_OWN}.parallel': 'DC=DataContainer to_tensor',
    },
    'mmdet.models': {
        'mmrotate.registry': _MODELS,
        'mmrotate.models.builder': _BUILDERS,
        'mmrotate.models.backbones': (
            'CSPDarknet Darknet EfficientNet MobileNetV2 ResNeXt ResNet ResNetV1d SwinTransformer'
        ),
        'mmrotate.models.necks': 'BFP ChannelMapper FPN NASFPN PAFPN',
        'mmrotate.models.dense_heads': 'BaseDenseHead',
        'mmrotate.models.detectors': (
            'BaseDetector=RotatedBaseDetector SingleStageDetector=RotatedSingleStageDetector '
            'TwoStageDetector=RotatedTwoStageDetector'
        ),
        'mmrotate.models.roi_heads': 'BaseRoIHead=RotatedBaseRoIHead SingleRoIExtractor',
        'mmrotate.compat.blocks': 'BBoxTestMixin MaskTestMixin',
        'mmrotate.models.losses': (
            'BalancedL1Loss BoundedIoULoss CIoULoss CrossEntropyLoss DIoULoss DistributionFocalLoss FocalLoss GHMC '
            'GHMR GIoULoss GaussianFocalLoss IoULoss L1Loss MSELoss QualityFocalLoss SmoothL1Loss VarifocalLoss '
            'accuracy'
        ),
    },
    'mmdet.models.losses': {
        f'{_OWN}.losses': (
            'Accuracy binary_cross_entropy cross_entropy giou_loss iou_loss l1_loss mse_loss sigmoid_focal_loss '
            'smooth_l1_loss'
        ),
        'mmrotate.compat.loss_utils': 'reduce_loss weight_reduce_loss',
        'mmrotate.models.losses': 'weighted_loss',
    },
    'mmdet.models.utils': {
        'mmrotate.models.backbones.res_blocks': 'ResLayer',
        f'{_OWN}.layers': 'SELayer build_linear_layer interpolate_as make_divisible',
        f'{_OWN}.parts': 'filter_scores_and_topk select_single_mlvl',
    },
    'mmdet.utils': {
        'mmrotate.utils': (
            'collect_env compat_cfg find_latest_checkpoint get_root_logger setup_multi_processes'
        ),
        'mmrotate.engine': 'get_device=pick_device',
        'mmrotate.compat.configs': 'replace_cfg_vals update_data_root',
        'mmrotate.compat.memory': 'AvoidCUDAOOM AvoidOOM',
        f'{_OWN}.parallel': 'build_ddp build_dp',
        f'{_OWN}.parts': 'get_caller_name',
    },
}  # fmt: skip

# every module that a file may import from
MODULES = frozenset({*VERSIONS, *NAMES, *PATHS})
