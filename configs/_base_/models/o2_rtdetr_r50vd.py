# RT-DETR on ResNet-50-D with rotated boxes, matched by the Chamfer distance of their corners (O2-RTDETR)
angle_cfg = dict(width_longer=True, start_angle=0)
angle_factor = 3.141592653589793
weights = 'https://www.modelscope.cn/models/wokaikaixinxin/ai4rs/resolve/master/rtdetr/'
kld = dict(loss_type='kld', fun='log1p', tau=1, sqrt=False)
attention = dict(embed_dims=256, num_heads=8, dropout=0.0)
model = dict(
    type='RotatedRTDETR',
    num_queries=300,
    with_box_refine=True,
    as_two_stage=True,
    backbone=dict(
        type='ResNetV1dPaddle',
        depth=50,
        num_stages=4,
        out_indices=(1, 2, 3),
        frozen_stages=0,
        norm_cfg=dict(type='BN', requires_grad=False),
        norm_eval=True,
        style='pytorch',
        init_cfg=dict(type='Pretrained', checkpoint=weights + 'resnet50vd_ssld_v2_pretrained_d037e232.pth'),
    ),
    neck=dict(
        type='ChannelMapper',
        in_channels=[512, 1024, 2048],
        kernel_size=1,
        out_channels=256,
        act_cfg=None,
        norm_cfg=dict(type='BN', requires_grad=True),
        num_outs=3,
        init_cfg=dict(
            type='Kaiming', layer='Conv2d', a=5**0.5, distribution='uniform', mode='fan_in', nonlinearity='leaky_relu'
        ),
    ),
    encoder=dict(
        in_channels=[256, 256, 256],
        use_encoder_idx=[-1],
        num_encoder_layers=1,
        layer_cfg=dict(
            self_attn_cfg=attention,
            ffn_cfg=dict(embed_dims=256, feedforward_channels=1024, ffn_drop=0.0, act_cfg=dict(type='GELU')),
        ),
        fpn_cfg=dict(
            type='RTDETRFPN',
            in_channels=[256, 256, 256],
            out_channels=256,
            expansion=1.0,
            norm_cfg=dict(type='BN', requires_grad=True),
        ),
    ),
    decoder=dict(
        num_layers=6,
        return_intermediate=True,
        angle_factor=angle_factor,
        layer_cfg=dict(
            self_attn_cfg=attention,
            cross_attn_cfg=dict(embed_dims=256, num_levels=3, dropout=0.0),
            ffn_cfg=dict(embed_dims=256, feedforward_channels=1024, ffn_drop=0.0),
        ),
        post_norm_cfg=None,
    ),
    bbox_head=dict(
        type='RotatedRTDETRHead',
        num_classes=15,
        sync_cls_avg_factor=True,
        angle_cfg=angle_cfg,
        angle_factor=angle_factor,
        loss_cls=dict(
            type='RTDETRVarifocalLoss',
            varifocal_loss_iou_type='hbox_iou',
            use_sigmoid=True,
            alpha=0.75,
            gamma=2.0,
            iou_weighted=True,
            loss_weight=1.0,
        ),
        loss_bbox=dict(type='L1Loss', loss_weight=5.0),
        loss_iou=dict(type='GDLoss', loss_weight=2.0, **kld),
    ),
    dn_cfg=dict(
        label_noise_scale=0.5,
        box_noise_scale=1.0,
        noise_mode='only_xyxy',
        angle_cfg=angle_cfg,
        angle_factor=angle_factor,
        group_cfg=dict(dynamic=True, num_groups=None, num_dn_queries=100),
    ),
    train_cfg=dict(
        assigner=dict(
            type='HungarianAssigner',
            match_costs=[
                dict(type='FocalLossCost', weight=2.0),
                dict(type='ChamferCost', weight=5.0, box_format='xywha'),
                dict(type='GDCost', weight=2.0, **kld),
            ],
        )
    ),
    test_cfg=dict(max_per_img=300),
)
