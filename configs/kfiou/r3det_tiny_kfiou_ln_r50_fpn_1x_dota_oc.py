_base_ = './r3det_kfiou_ln_r50_fpn_1x_dota_oc.py'

model = dict(
    bbox_head=dict(stacked_convs=2), refine_heads=[dict(head, stacked_convs=2) for head in _base_.model.refine_heads]
)
