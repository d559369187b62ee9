# DINO on ResNet-50 with rotated boxes
_base_ = './rotated_deformable_detr_r50.py'

sides = dict(num_levels=4, dropout=0.0)
ffn = dict(feedforward_channels=2048, ffn_drop=0.0)
model = dict(
    type='RotatedDINO',
    with_box_refine=True,
    as_two_stage=True,
    encoder=dict(layer_cfg=dict(self_attn_cfg=sides, ffn_cfg=ffn)),
    decoder=dict(layer_cfg=dict(self_attn_cfg=dict(dropout=0.0), cross_attn_cfg=sides, ffn_cfg=ffn)),
    positional_encoding=dict(offset=0.0, temperature=20),
    bbox_head=dict(type='RotatedDINOHead', loss_cls=dict(loss_weight=1.0)),
    dn_cfg=dict(
        label_noise_scale=0.5,
        box_noise_scale=1.0,
        noise_mode='only_xyxy',
        angle_cfg=_base_.angle_cfg,
        angle_factor=_base_.angle_factor,
        group_cfg=dict(dynamic=True, num_groups=None, num_dn_queries=100),
    ),
)
