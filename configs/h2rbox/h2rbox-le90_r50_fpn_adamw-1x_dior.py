_base_ = [
    '../_base_/models/h2rbox_r50_fpn.py',
    '../_base_/datasets/dior.py',
    '../_base_/schedules/schedule_1x_adamw_plain.py',
    '../_base_/default_runtime.py',
]

# airplanes, baseball and golf fields, chimneys, stadiums and storage tanks: results are made upright
model = dict(
    crop_size=(800, 800), bbox_head=dict(num_classes=20, crop_size=(800, 800), square_classes=[0, 2, 5, 9, 14, 15])
)
data = dict(train=dict(horizontal=True))
