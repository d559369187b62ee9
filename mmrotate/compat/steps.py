"""Steps of data pipelines by their names in MMDetection, where the rotated step means the same."""

from mmrotate.datasets.pipelines import RMosaic, RRandomFlip, RResize
from mmrotate.registry import PIPELINES

for _name, _step in {'Mosaic': RMosaic, 'RandomFlip': RRandomFlip, 'Resize': RResize}.items():
    PIPELINES.register_module(name=_name, module=_step)
