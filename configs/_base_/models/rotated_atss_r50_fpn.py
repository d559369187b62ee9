# angle version oc; one anchor at each place, assigned by the statistics of its overlaps
_base_ = './rotated_retinanet_r50_fpn.py'

model = dict(
    bbox_head=dict(type='RotatedATSSHead', anchor_generator=dict(ratios=[1.0], scales_per_octave=1)),
    train_cfg=dict(
        assigner=dict(
            _delete_=True,
            type='ATSSObbAssigner',
            topk=9,
            angle_version='oc',
            iou_calculator=dict(type='RBboxOverlaps2D'),
        )
    ),
)
