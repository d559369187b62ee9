_base_ = [
    '../_base_/models/oriented_rcnn_lsk_s.py',
    '../_base_/datasets/dotav1_rr_le90.py',
    '../_base_/schedules/schedule_1x_adamw_bodies.py',
    '../_base_/default_runtime.py',
]

weights = 'https://www.modelscope.cn/models/wokaikaixinxin/ai4rs/resolve/master/StripRCNN/backbone/stripnet_'
model = dict(
    backbone=dict(type='StripNet', k1s=[1, 1, 1, 1], k2s=[19, 19, 19, 19], init_cfg=dict(checkpoint=weights + 's.pth')),
    roi_head=dict(bbox_head=dict(type='StripHead')),
)
data = dict(samples_per_gpu=1)
evaluation = dict(interval=4)
optimizer = dict(lr=0.0001)
