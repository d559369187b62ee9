_base_ = [
    '../_base_/models/gliding_vertex_r50_fpn.py',
    '../_base_/datasets/dotav1_le90.py',
    '../_base_/schedules/schedule_1x.py',
    '../_base_/default_runtime.py',
]

optimizer = dict(lr=0.005)
