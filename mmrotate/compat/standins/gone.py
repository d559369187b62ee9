"""What to use in place of names of mmcv and mmdet that have no stand-in."""

_ROTATED = 'boxes here are rotated, x, y, w, h, theta'
_MASKS = 'masks of instances are no part of this library'
_COCO = 'a dataset in the format of COCO is no part of this library; the rotated ones are in mmrotate.datasets'

GONE = {
    'AnchorFreeHead': f'{_ROTATED}: mmrotate.models.dense_heads.RotatedAnchorFreeHead',
    'AnchorHead': f'{_ROTATED}: mmrotate.models.dense_heads.RotatedAnchorHead',
    'BBoxHead': f'{_ROTATED}: mmrotate.models.roi_heads.RotatedBBoxHead',
    'BaseRoIExtractor': 'mmrotate.models.roi_heads.SingleRoIExtractor has its methods',
    'BaseStorageBackend': 'mmengine.fileio.BaseStorageBackend',
    'CascadeRoIHead': 'mmrotate.models.roi_heads.RoITransRoIHead is the cascade here',
    'CocoDataset': _COCO,
    'ConvFCBBoxHead': f'{_ROTATED}: mmrotate.models.roi_heads.RotatedConvFCBBoxHead',
    'FCOSHead': f'{_ROTATED}: mmrotate.models.dense_heads.RotatedFCOSHead',
    'FasterRCNN': f'{_ROTATED}: mmrotate.models.detectors.RotatedFasterRCNN',
    'LrUpdaterHook': "lr_config=dict(policy=...) in a config, or a hook that sets runner.optimizer's param_groups",
    'PolygonMasks': _MASKS,
    'RPNHead': f'{_ROTATED}: mmrotate.models.dense_heads.RotatedRPNHead',
    'RepPointsHead': f'{_ROTATED}: mmrotate.models.dense_heads.RotatedRepPointsHead',
    'RetinaHead': f'{_ROTATED}: mmrotate.models.dense_heads.RotatedRetinaHead',
    'RetinaNet': f'{_ROTATED}: mmrotate.models.detectors.RotatedRetinaNet',
    'Shared2FCBBoxHead': f'{_ROTATED}: mmrotate.models.roi_heads.RotatedShared2FCBBoxHead',
    'StandardRoIHead': f'{_ROTATED}: mmrotate.models.roi_heads.RotatedStandardRoIHead',
    'VOCDataset': f'mmrotate.datasets has readers of its own; {_ROTATED}',
    'build_runner': "runner=dict(type='EpochBasedRunner', ...) in a config, run by mmrotate.apis.train_detector",
    'encode_mask_results': _MASKS,
    'eval_map': f'{_ROTATED}: mmrotate.core.eval_rbbox_map',
    'ext_loader': 'operations are not loaded by name here: mmrotate.ops has them',
    'get_classes': "a dataset's CLASSES, e.g. mmrotate.datasets.DOTADataset.CLASSES",
    'imshow': 'mmrotate.core.imshow_det_rbboxes draws boxes, cv2.imwrite writes images',
    'imshow_bboxes': f'{_ROTATED}: mmrotate.core.imshow_det_rbboxes',
    'imshow_det_bboxes': f'{_ROTATED}: mmrotate.core.imshow_det_rbboxes',
    'load_ext': 'operations are not loaded by name here: mmrotate.ops has them',
    'replace_ImageToTensor': 'test pipelines are taken as they are: nothing is to be replaced',
}
