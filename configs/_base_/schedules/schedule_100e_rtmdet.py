_base_ = './schedule_3x_rtmdet.py'

evaluation = dict(interval=20)
runner = dict(max_epochs=100)
checkpoint_config = dict(interval=20)
