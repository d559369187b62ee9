_base_ = '../kld/rotated_retinanet_obb_kld_stable_r50_adamw_fpn_1x_dota_le90.py'

checkpoint_file = 'https://download.openmmlab.com/mmclassification/v0/convnext/downstream/convnext-tiny_3rdparty_32xb128-noema_in1k_20220301-795e9634.pth'
model = dict(
    backbone=dict(
        _delete_=True,
        type='mmcls.ConvNeXt',
        arch='tiny',
        out_indices=[0, 1, 2, 3],
        drop_path_rate=0.4,
        layer_scale_init_value=1.0,
        gap_before_final_norm=False,
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint_file, prefix='backbone.'),
    ),
    neck=dict(in_channels=[96, 192, 384, 768]),
)
lr_config = dict(warmup_iters=1000)
find_unused_parameters = True
