# the same for ResNet-18-D and -34-D, the norms of whose stages learn, but do not decay
_base_ = './schedule_72e_rtdetr.py'

norms = {
    f'backbone.layer{stage}.{block}.{name}': dict(lr_mult=0.1, decay_mult=0.0)
    for stage, blocks in ((1, 3), (2, 4), (3, 6), (4, 3))
    for block in range(blocks)
    for name in ('bn', 'downsample.1' if stage == 1 else 'downsample.2')
}
optimizer = dict(paramwise_cfg=dict(custom_keys=norms))
