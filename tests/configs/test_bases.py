"""A base that MMRotate 0.3.4 has too means what it means there, for configs that users wrote upon it."""

from pathlib import Path

import pytest
from mmengine.config import Config

BASES = Path(__file__).parents[2] / 'configs/_base_'
IMAGENET = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True)


def _steps(pipeline: list[dict]) -> dict[str, dict]:
    return {step['type']: {key: value for key, value in step.items() if key != 'type'} for step in pipeline}


@pytest.mark.parametrize(
    ('name', 'dataset', 'size', 'val', 'test'),
    [
        ('dotav1', 'DOTADataset', 1024, 'split_1024_dota1_0/trainval/annfiles/', 'split_1024_dota1_0/test/images/'),
        ('hrsc', 'HRSCDataset', 800, 'hrsc/ImageSets/test.txt', 'hrsc/ImageSets/test.txt'),
        ('ssdd', 'SARDataset', 608, 'ssdd/test/inshore/labelTxt/', 'ssdd/test/offshore/labelTxt/'),
        ('hrsid', 'SARDataset', 800, 'hrsid/testsplit/inshore/labelTxt/', 'hrsid/testsplit/offshore/labelTxt/'),
    ],
)
def test_dataset(name, dataset, size, val, test):
    data = Config.fromfile(BASES / f'datasets/{name}.py').data
    train, tested = _steps(data.train.pipeline), data.test.pipeline[1]
    assert list(train) == [
        *('LoadImageFromFile', 'LoadAnnotations', 'RResize', 'RRandomFlip'),
        *('Normalize', 'Pad', 'DefaultFormatBundle', 'Collect'),
    ]
    assert train['RRandomFlip'] == dict(flip_ratio=0.5)  # horizontally, and of version oc
    assert train['RResize']['img_scale'] == tested.img_scale == (size, size)
    assert train['Normalize'] == _steps(tested.transforms)['Normalize'] == IMAGENET
    assert train['Pad'] == _steps(tested.transforms)['Pad'] == dict(size_divisor=32)
    assert not tested.flip
    assert data.val.pipeline == data.test.pipeline
    assert (data.samples_per_gpu, data.workers_per_gpu) == (2, 2)
    assert {split.type for split in (data.train, data.val, data.test)} == {dataset}
    assert not any('version' in split for split in (data.train, data.val, data.test))  # oc
    assert (data.val.ann_file, data.test.ann_file) == (f'data/{val}', f'data/{test}')


@pytest.mark.parametrize(
    ('name', 'epochs', 'steps'),
    [
        ('schedule_1x', 12, [8, 11]),
        ('schedule_3x', 36, [24, 33]),
        ('schedule_40e', 40, [24, 32, 38]),
        ('schedule_6x', 72, [48, 66]),
    ],
)
def test_schedule(name, epochs, steps):
    cfg = Config.fromfile(BASES / f'schedules/{name}.py')
    assert cfg.to_dict() == dict(
        evaluation=dict(interval=1, metric='mAP'),
        optimizer=dict(type='SGD', lr=0.0025, momentum=0.9, weight_decay=0.0001),
        auto_scale_lr=dict(enable=False, base_batch_size=2),
        optimizer_config=dict(grad_clip=dict(max_norm=35, norm_type=2)),
        lr_config=dict(policy='step', warmup='linear', warmup_iters=500, warmup_ratio=1 / 3, step=steps),
        runner=dict(type='EpochBasedRunner', max_epochs=epochs),
        checkpoint_config=dict(interval=1),
    )


def test_runtime():
    """What the schedules set stands there alone: a key of two bases is an error."""
    assert set(Config.fromfile(BASES / 'default_runtime.py').to_dict()) == {
        *('log_config', 'dist_params', 'log_level', 'load_from', 'resume_from', 'workflow'),
        *('opencv_num_threads', 'mp_start_method'),
    }
