_base_ = [
    '../_base_/models/oriented_rcnn_pkinet_s.py',
    '../_base_/datasets/dior.py',
    '../_base_/schedules/schedule_30e_adamw.py',
    '../_base_/default_runtime.py',
]

model = dict(
    backbone=dict(arch='T', init_cfg=dict(checkpoint=_base_.weights + 't_pretrain.pth')),
    neck=dict(in_channels=[32, 64, 128, 256]),
    roi_head=dict(bbox_head=dict(num_classes=20)),
)
auto_scale_lr = dict(base_batch_size=16)
