_base_ = [
    '../_base_/models/rotated_retinanet_r50_fpn.py',
    '../_base_/datasets/hrsc_rr.py',
    '../_base_/schedules/schedule_6x.py',
    '../_base_/default_runtime.py',
]

model = dict(bbox_head=dict(num_classes=1, assign_by_circumhbbox='oc'))
