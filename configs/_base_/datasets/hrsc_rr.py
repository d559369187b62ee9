# HRSC2016 with random rotation, angle version oc
_base_ = './hrsc_oc.py'

train_pipeline = [
    *_base_.train_pipeline[:4],
    dict(
        type='PolyRandomRotate',
        rotate_ratio=0.5,
        angles_range=180,
        auto_bound=False,
        rect_classes=[9, 11],  # of DOTA; no class of HRSC has these numbers
        version=_base_.angle_version,
    ),
    *_base_.train_pipeline[4:],
]
data = dict(train=dict(pipeline=train_pipeline))
