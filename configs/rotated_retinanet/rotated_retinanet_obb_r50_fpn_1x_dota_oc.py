_base_ = [
    '../_base_/models/rotated_retinanet_r50_fpn.py',
    '../_base_/datasets/dotav1_oc.py',
    '../_base_/schedules/schedule_1x.py',
    '../_base_/default_runtime.py',
]
