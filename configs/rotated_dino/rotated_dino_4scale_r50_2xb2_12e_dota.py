_base_ = './rotated_dino_4scale_r50_2xb4_12e_dota.py'

data = dict(samples_per_gpu=2, workers_per_gpu=2)
auto_scale_lr = dict(base_batch_size=4)
