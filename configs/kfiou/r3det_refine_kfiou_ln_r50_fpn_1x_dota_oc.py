_base_ = './r3det_kfiou_ln_r50_fpn_1x_dota_oc.py'

stages = _base_.model.train_cfg.sr
later = dict(stages[0], assigner=dict(stages[0].assigner, pos_iou_thr=0.7, neg_iou_thr=0.6))
model = dict(
    num_refine_stages=2,
    frm_cfgs=[*_base_.model.frm_cfgs, *_base_.model.frm_cfgs],
    refine_heads=[*_base_.model.refine_heads, *_base_.model.refine_heads],
    train_cfg=dict(sr=[*stages, later], stage_loss_weights=[1.0, 1.0]),
)
del stages, later
