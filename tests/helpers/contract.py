"""What of the documents of MMRotate 0.3 does not hold yet: only ever fewer names."""


def names_under(groups: dict[str, str]) -> set[str]:
    """The names of a module or class, with its path."""
    return {f'{owner}.{name}' for owner, names in groups.items() for name in names.split()}


# documented names that are missing, or take their arguments otherwise
DIFFERING = names_under(
    {
        'core.bbox.MaxConvexIoUAssigner': 'assign',
        'datasets.DOTADataset': 'merge_det',
        'datasets.pipelines': 'RMosaic',
        'models.backbones': 'ReResNet',
        'models.backbones.ReResNet': 'make_res_layer norm1',
        'models.dense_heads': (
            'CSLRFCOSHead CSLRRetinaHead KFIoUODMRefineHead KFIoURRetinaHead KFIoURRetinaRefineHead '
            'ODMRefineHead OrientedRPNHead OrientedRepPointsHead RotatedATSSHead RotatedAnchorFreeHead '
            'RotatedAnchorHead RotatedFCOSHead RotatedRPNHead RotatedRepPointsHead RotatedRetinaHead '
            'RotatedRetinaRefineHead SAMRepPointsHead'
        ),
        'models.dense_heads.CSLRFCOSHead': 'refine_bboxes',
        'models.dense_heads.CSLRRetinaHead': 'loss loss_single',
        'models.dense_heads.KFIoUODMRefineHead': 'get_anchors loss',
        'models.dense_heads.KFIoURRetinaHead': 'loss_single',
        'models.dense_heads.KFIoURRetinaRefineHead': 'get_anchors loss refine_bboxes',
        'models.dense_heads.ODMRefineHead': 'get_anchors loss',
        'models.dense_heads.OrientedRPNHead': 'loss_single',
        'models.dense_heads.OrientedRepPointsHead': (
            'dynamic_pointset_samples_selection feature_cosine_similarity get_adaptive_points_feature '
            'get_bboxes get_points get_targets init_loss_single loss offset_to_pts '
            'pointsets_quality_assessment sampling_points'
        ),
        'models.dense_heads.RotatedATSSHead': 'get_targets',
        'models.dense_heads.RotatedAnchorHead': (
            'aug_test get_anchors get_bboxes get_targets loss_single merge_aug_bboxes'
        ),
        'models.dense_heads.RotatedFCOSHead': 'centerness_target get_targets refine_bboxes',
        'models.dense_heads.RotatedRPNHead': 'get_bboxes get_targets loss_single',
        'models.dense_heads.RotatedRepPointsHead': (
            'get_bboxes get_cfa_targets get_points get_pos_loss get_targets loss loss_single offset_to_pts '
            'points2rotrect reassign'
        ),
        'models.dense_heads.RotatedRetinaHead': 'refine_bboxes',
        'models.dense_heads.RotatedRetinaRefineHead': 'get_anchors loss refine_bboxes',
        'models.dense_heads.SAMRepPointsHead': (
            'get_bboxes get_points get_targets loss loss_single offset_to_pts points2rotrect'
        ),
        'models.detectors': (
            'GlidingVertex OrientedRCNN R3Det ReDet RoITransformer RotatedBaseDetector RotatedFCOS '
            'RotatedFasterRCNN RotatedRepPoints RotatedRetinaNet RotatedSingleStageDetector '
            'RotatedTwoStageDetector S2ANet'
        ),
        'models.detectors.OrientedRCNN': 'forward_dummy',
        'models.detectors.R3Det': 'forward_dummy simple_test',
        'models.detectors.RotatedSingleStageDetector': 'forward_dummy',
        'models.detectors.RotatedTwoStageDetector': (
            'async_simple_test forward_dummy forward_train simple_test with_roi_head with_rpn'
        ),
        'models.detectors.S2ANet': 'forward_dummy simple_test',
        'models.necks': 'ReFPN',
        'models.roi_heads': (
            'GVRatioRoIHead OrientedStandardRoIHead RoITransRoIHead RotatedBBoxHead RotatedConvFCBBoxHead '
            'RotatedShared2FCBBoxHead RotatedSingleRoIExtractor RotatedStandardRoIHead'
        ),
        'models.roi_heads.GVRatioRoIHead': 'forward_dummy simple_test_bboxes',
        'models.roi_heads.OrientedStandardRoIHead': 'forward_dummy forward_train simple_test_bboxes',
        'models.roi_heads.RoITransRoIHead': 'aug_test forward_dummy forward_train init_assigner_sampler init_bbox_head',
        'models.roi_heads.RotatedBBoxHead': (
            'custom_accuracy custom_activation custom_cls_channels forward get_bboxes get_targets loss '
            'refine_bboxes regress_by_class'
        ),
        'models.roi_heads.RotatedSingleRoIExtractor': 'build_roi_layers forward map_roi_levels roi_rescale',
        'models.roi_heads.RotatedStandardRoIHead': (
            'async_simple_test aug_test forward_dummy forward_train init_assigner_sampler init_bbox_head '
            'simple_test_bboxes'
        ),
    }
)

# exports of 0.3.4 that do not import
NOT_IMPORTED = names_under(
    {
        'datasets': 'RMosaic',
        'datasets.pipelines': 'RMosaic',
        'datasets.pipelines.transforms': 'RMosaic RRandomCrop',
        'models': 'RotatedBBoxHead',
        'models.backbones.re_resnet': 'ResLayer',
        'models.roi_heads': 'RotatedBBoxHead',
        'models.roi_heads.bbox_heads': 'RotatedBBoxHead',
        'models.roi_heads.bbox_heads.rotated_bbox_head': 'RotatedBBoxHead',
    }
)
