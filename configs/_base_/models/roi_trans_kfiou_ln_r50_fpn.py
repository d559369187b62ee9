# the second stage learns by the overlap of Kalman-filtered Gaussians
_base_ = './roi_trans_r50_fpn.py'

first, second = _base_.model.roi_head.bbox_head
first.loss_bbox.beta = 1.0 / 9.0
second.type = 'RotatedKFIoUShared2FCBBoxHead'
second.loss_bbox = dict(type='KFLoss', fun='ln', loss_weight=0.5)
model = dict(roi_head=dict(bbox_head=[first, second]))
del first, second  # no keys of the config
