from mmrotate.compat.steps import Resize
from mmrotate.datasets.pipelines import Compose, RMosaic, RRandomFlip, RResize
from mmrotate.datasets.pipelines.versions import inherit_version
from mmrotate.registry import PIPELINES


def test_steps_have_their_names_of_mmdetection():
    for name, step in (('Resize', Resize), ('RandomFlip', RRandomFlip), ('Mosaic', RMosaic)):
        assert PIPELINES.get(name) is PIPELINES.get(f'mmdet.{name}') is step
    documented = [dict(type='Resize', img_scale=(1333, 800), keep_ratio=True), dict(type='RandomFlip', flip_ratio=0.5)]
    resize, flip = Compose(inherit_version(documented, 'le135')).transforms
    assert isinstance(resize, RResize)
    assert flip.version == 'le135'
