# Oriented R-CNN on PKINet-S; angle version le90
_base_ = './oriented_rcnn_r50_fpn.py'

weights = 'https://www.modelscope.cn/models/wokaikaixinxin/ai4rs/resolve/master/PKINet/pkinet_'
model = dict(
    backbone=dict(
        _delete_=True,
        type='PKINet',
        arch='S',
        out_indices=(1, 2, 3, 4),
        drop_path_rate=0.1,
        init_cfg=dict(type='Pretrained', prefix='backbone.', checkpoint=weights + 's_pretrain.pth'),
        norm_cfg=dict(type='SyncBN', requires_grad=True),
        act_cfg=dict(type='SiLU'),
    ),
    neck=dict(in_channels=[64, 128, 256, 512]),
)
