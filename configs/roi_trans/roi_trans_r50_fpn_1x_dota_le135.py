_base_ = [
    '../_base_/models/roi_trans_r50_fpn.py',
    '../_base_/datasets/dotav1_le135.py',
    '../_base_/schedules/schedule_1x.py',
    '../_base_/default_runtime.py',
]

first, second = _base_.model.roi_head.bbox_head
first.bbox_coder.update(angle_range='le135')
second.bbox_coder.update(angle_range='le135', norm_factor=1, edge_swap=False)
model = dict(
    rpn_head=dict(version='le135'),
    roi_head=dict(version='le135', bbox_head=[first, second]),
    test_cfg=dict(rcnn=dict(nms=dict(type='le135'))),
)
del first, second
optimizer = dict(lr=0.005)
