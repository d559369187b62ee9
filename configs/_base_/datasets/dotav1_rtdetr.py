# DOTA 1.0 for RT-DETR: flips and rotations, as for RTMDet; angle version le90
_base_ = './dotav1_rtmdet.py'

data = dict(samples_per_gpu=4, workers_per_gpu=4)
