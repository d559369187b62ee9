import torch

from mmrotate.engine.batches import files_of, to_device


def test_every_tensor_moves_and_the_rest_stays():
    batch = {'img': [torch.ones(1)], 'gt': (torch.ones(2),), 'img_metas': [{'filename': 'a'}]}
    moved = to_device(batch, torch.device('meta'))
    assert moved['img'][0].device.type == 'meta'
    assert moved['gt'][0].device.type == 'meta'
    assert moved['img_metas'] == [{'filename': 'a'}]
    assert batch['img'][0].device.type == 'cpu'


def test_files_of_train_and_test_batches():
    metas = [{'filename': 'a'}, {'filename': 'b'}]
    assert files_of({'img_metas': metas}) == ['a', 'b']
    assert files_of({'img_metas': [metas, metas]}) == ['a', 'b']
    assert files_of({}) == []
    assert files_of(None) == []
