import pytest
import torch
from torch import nn

from mmrotate.engine import PredictionError, stream_predictions
from mmrotate.utils import UserError
from mmrotate.utils.journal import Failure


class Counting(nn.Module):
    """Gives for each image the number in its pixels and the size of its batch."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, img, img_metas, return_loss, rescale):
        if img[0].max() == 9:
            raise ZeroDivisionError('nine')
        return [(int(image.max()), len(img[0])) for image in img[0]]


class Numbers:
    """Test samples whose pixels are their index; an odd one cannot be read."""

    def __init__(self, count, bad=()):
        self.count, self.bad, self.read = count, bad, []

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        self.read.append(index)
        if index in self.bad:
            raise UserError(f'{index} is bad')
        return {'img': [torch.full((1, 2, 2), float(index))], 'img_metas': [{'filename': str(index)}]}


def run(samples, wanted=lambda index: True, share=None, size=3):
    share = range(len(samples)) if share is None else share
    return stream_predictions(Counting(), samples, wanted, share, samples_per_gpu=size, workers_per_gpu=0)


def test_a_bad_image_is_a_failure_in_its_place():
    found = dict(run(Numbers(6, bad=(1, 3, 4, 5))))
    assert found == {0: (0, 2), 1: '1 is bad', 2: (2, 2), 3: '3 is bad', 4: '4 is bad', 5: '5 is bad'}
    assert isinstance(found[3], Failure)


def test_batches_do_not_depend_on_what_is_wanted():
    samples = Numbers(8)
    assert list(run(samples, {4, 7}.__contains__)) == [(4, (4, 3)), (7, (7, 2))]
    assert samples.read == [3, 4, 5, 6, 7]
    assert list(run(samples, {5}.__contains__, share=range(1, 8, 2))) == [(5, (5, 3))]
    assert list(run(samples, lambda index: False)) == []


def test_a_batch_is_handed_on_before_the_next_is_read():
    samples = Numbers(9)
    results = run(samples)
    assert next(results) == (0, (0, 3))
    assert samples.read == [0, 1, 2]


def test_a_detector_that_fails_is_an_error_that_names_the_images():
    with pytest.raises(PredictionError, match=r"failed on \['9'\]: nine"):
        list(run(Numbers(10)))
