_base_ = [
    '../_base_/models/o2_rtdetr_r34vd.py',
    '../_base_/datasets/dior_rtdetr.py',
    '../_base_/schedules/schedule_72e_rtdetr_r34vd.py',
    '../_base_/default_runtime.py',
]

model = dict(bbox_head=dict(num_classes=20))
