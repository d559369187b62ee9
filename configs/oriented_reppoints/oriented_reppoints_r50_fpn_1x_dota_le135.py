_base_ = '../cfa/cfa_r50_fpn_1x_dota_le135.py'

base = _base_.model.bbox_head
removed = ('transform_method', 'use_reassign', 'topk', 'anti_factor')
model = dict(
    bbox_head=dict(
        {key: value for key, value in base.items() if key not in removed},
        _delete_=True,
        type='OrientedRepPointsHead',
        top_ratio=0.4,
        init_qua_weight=0.2,
        loss_spatial_init=dict(type='SpatialBorderLoss', loss_weight=0.05),
        loss_spatial_refine=dict(type='SpatialBorderLoss', loss_weight=0.1),
    )
)
del base, removed
