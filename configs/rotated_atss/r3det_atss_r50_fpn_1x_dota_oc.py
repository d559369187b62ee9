_base_ = '../r3det/r3det_r50_fpn_1x_dota_oc.py'

model = dict(
    bbox_head=dict(type='RotatedATSSHead', anchor_generator=dict(ratios=[1.0], scales_per_octave=1)),
    train_cfg=dict(
        s0=dict(
            assigner=dict(
                _delete_=True,
                type='ATSSObbAssigner',
                topk=9,
                angle_version='oc',
                iou_calculator=dict(type='RBboxOverlaps2D'),
            )
        )
    ),
)
