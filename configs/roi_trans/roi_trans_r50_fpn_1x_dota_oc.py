_base_ = [
    '../_base_/models/roi_trans_r50_fpn.py',
    '../_base_/datasets/dotav1_oc.py',
    '../_base_/schedules/schedule_1x.py',
    '../_base_/default_runtime.py',
]

first, second = _base_.model.roi_head.bbox_head
first.bbox_coder.update(angle_range='oc', norm_factor=None, edge_swap=False)
second.bbox_coder.update(angle_range='oc', edge_swap=False, proj_xy=False)
model = dict(
    rpn_head=dict(version='oc'),
    roi_head=dict(version='oc', bbox_head=[first, second]),
    test_cfg=dict(rcnn=dict(nms=dict(type='oc'))),
)
del first, second
optimizer = dict(lr=0.005)
