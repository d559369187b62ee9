_base_ = './r3det_kld_r50_fpn_1x_dota_oc.py'

# the first head keeps its four convolutions
model = dict(refine_heads=[dict(head, stacked_convs=2) for head in _base_.model.refine_heads])
