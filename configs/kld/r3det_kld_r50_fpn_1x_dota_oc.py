_base_ = '../r3det/r3det_r50_fpn_1x_dota_oc.py'

loss_bbox = dict(type='GDLoss_v1', loss_type='kld', fun='log1p', tau=1.0, loss_weight=1.0)
model = dict(
    bbox_head=dict(reg_decoded_bbox=True, loss_bbox=dict(loss_bbox, _delete_=True)),
    refine_heads=[dict(head, reg_decoded_bbox=True, loss_bbox=loss_bbox) for head in _base_.model.refine_heads],
)
del loss_bbox
