log_config = dict(interval=50, hooks=[dict(type='TextLoggerHook')])

dist_params = dict(backend='nccl')
log_level = 'INFO'
load_from = None
resume_from = None
workflow = [('train', 1)]

# threads of OpenCV in a data loader's worker, and how the workers start
opencv_num_threads = 0
mp_start_method = 'fork'
