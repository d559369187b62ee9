# both stages learn by the overlap of Kalman-filtered Gaussians
_base_ = './r3det_r50_fpn.py'

loss_bbox = dict(type='KFLoss', fun='ln', loss_weight=5.0)
model = dict(
    bbox_head=dict(type='KFIoURRetinaHead', loss_bbox=dict(loss_bbox, _delete_=True)),
    refine_heads=[dict(head, type='KFIoURRetinaRefineHead', loss_bbox=loss_bbox) for head in _base_.model.refine_heads],
)
del loss_bbox  # no key of the config
