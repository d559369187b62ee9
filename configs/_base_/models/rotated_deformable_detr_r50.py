# Deformable DETR on ResNet-50 with rotated boxes
angle_cfg = dict(width_longer=True, start_angle=0)
angle_factor = 3.141592653589793
kld = dict(loss_type='kld', fun='log1p', tau=1, sqrt=False)
model = dict(
    type='RotatedDeformableDETR',
    num_queries=900,
    with_box_refine=False,
    as_two_stage=False,
    backbone=dict(
        type='ResNet',
        depth=50,
        num_stages=4,
        out_indices=(1, 2, 3),
        frozen_stages=1,
        norm_cfg=dict(type='BN', requires_grad=False),
        norm_eval=True,
        style='pytorch',
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50'),
    ),
    neck=dict(
        type='ChannelMapper',
        in_channels=[512, 1024, 2048],
        kernel_size=1,
        out_channels=256,
        act_cfg=None,
        norm_cfg=dict(type='GN', num_groups=32),
        num_outs=4,
    ),
    encoder=dict(
        num_layers=6,
        layer_cfg=dict(
            self_attn_cfg=dict(embed_dims=256), ffn_cfg=dict(embed_dims=256, feedforward_channels=1024, ffn_drop=0.1)
        ),
    ),
    decoder=dict(
        num_layers=6,
        return_intermediate=True,
        angle_factor=angle_factor,
        layer_cfg=dict(
            self_attn_cfg=dict(embed_dims=256, num_heads=8, dropout=0.1),
            cross_attn_cfg=dict(embed_dims=256),
            ffn_cfg=dict(embed_dims=256, feedforward_channels=1024, ffn_drop=0.1),
        ),
        post_norm_cfg=None,
    ),
    positional_encoding=dict(num_feats=128, normalize=True, offset=-0.5),
    bbox_head=dict(
        type='RotatedDeformableDETRHead',
        num_classes=15,
        angle_cfg=angle_cfg,
        angle_factor=angle_factor,
        sync_cls_avg_factor=True,
        loss_cls=dict(type='FocalLoss', use_sigmoid=True, gamma=2.0, alpha=0.25, loss_weight=2.0),
        loss_bbox=dict(type='L1Loss', loss_weight=5.0),
        loss_iou=dict(type='GDLoss', loss_weight=2.0, **kld),
    ),
    train_cfg=dict(
        assigner=dict(
            type='HungarianAssigner',
            match_costs=[
                dict(type='FocalLossCost', weight=2.0),
                dict(type='RBoxL1Cost', weight=5.0, box_format='xywha', angle_factor=angle_factor),
                dict(type='GDCost', weight=2.0, **kld),
            ],
        )
    ),
    test_cfg=dict(max_per_img=500),
)
