import pickle

import numpy as np
import pytest

from mmrotate.datasets import BadImageError, DOTADataset, HITUAVDataset, LabelError, SARDataset, build_dataset
from mmrotate.utils import UserError

from .conftest import SQUARE, TRAIN

HEADER = 'imagesource:GoogleEarth\ngsd:0.1157\n'
SUFFIXES = ['.png', '.jpg', '.jpeg', '.tif', '.tiff', '.bmp', '.PNG', '.JPG']


@pytest.mark.parametrize('suffix', SUFFIXES)
def test_images_of_every_kind_are_found_by_stem(folder, suffix):
    folder.add('a', suffix=suffix)
    dataset = build_dataset(folder.cfg())
    assert [info['filename'] for info in dataset.data_infos] == [f'a{suffix}']
    assert dataset[0]['img'].shape == (3, 64, 64)
    assert dataset[0]['img_metas']['img_shape'] == (43, 64, 3)


@pytest.mark.parametrize('text', [HEADER, HEADER.upper(), '\n', '\ufeff' + HEADER, ''])
@pytest.mark.parametrize('ending', [' plane 0', ' plane', ' plane 1'])
def test_labels_with_and_without_header_and_difficulty(folder, text, ending):
    folder.add('a', text + SQUARE + ending + '\n')
    ann = build_dataset(folder.cfg()).get_ann_info(0)
    np.testing.assert_allclose(ann['bboxes'], [[20, 15, 20, 10, 0]], atol=1e-4)
    assert ann['bboxes'].dtype == np.float32
    assert ann['labels'].tolist() == [0] and ann['labels'].dtype == np.int64
    np.testing.assert_array_equal(ann['polygons'], [[10, 10, 30, 10, 30, 20, 10, 20]])


def test_order_is_that_of_the_names(folder):
    for stem in ('b', 'c', 'a'):
        folder.add(stem)
    assert build_dataset(folder.cfg()).img_ids == ['a', 'b', 'c']


def test_objects_above_the_difficulty_are_ignored_not_errors(folder):
    lines = [f'{SQUARE} plane {d}\n' for d in (0, 1, 2)]
    folder.add('a', ''.join(lines))
    ann = build_dataset(folder.cfg(difficulty=0)).get_ann_info(0)
    assert ann['bboxes'].shape == (1, 5) and ann['bboxes_ignore'].shape == (2, 5)
    assert ann['labels_ignore'].tolist() == [0, 0]
    assert len(build_dataset(folder.cfg()).get_ann_info(0)['labels']) == 3


@pytest.mark.parametrize('empty', ['', '\n', HEADER, f'{SQUARE} plane 2\n'])
def test_images_without_objects_are_kept_or_left_out(folder, empty):
    folder.add('a')
    folder.add('b', empty)
    assert build_dataset(folder.cfg(difficulty=1)).img_ids == ['a']
    kept = build_dataset(folder.cfg(difficulty=1, filter_empty_gt=False))
    assert kept.img_ids == ['a', 'b']
    sample = kept[1]
    assert sample['gt_bboxes'].shape == (0, 5) and sample['gt_labels'].shape == (0,)
    # in a test every image counts: what is found on an empty one is an error
    assert len(build_dataset(folder.cfg(difficulty=1, test_mode=True))) == 2


def test_nothing_to_train_on(folder):
    folder.add('a', '')
    with pytest.raises(UserError, match=r'none of the 1 images .*filter_empty_gt=False'):
        build_dataset(folder.cfg())


@pytest.mark.parametrize(
    ('line', 'message'),
    [
        ('1 2 3 4 plane', '9 or 10 columns .* got 5'),
        (f'{SQUARE}', '9 or 10 columns .* got 8'),
        (f'{SQUARE} plane 0 1', '9 or 10 columns .* got 11'),
        ('10 10 x 10 30 20 10 20 plane 0', "'x' is no finite number"),
        ('10 10 nan 10 30 20 10 20 plane 0', "'nan' is no finite number"),
        ('10 10 30 inf 30 20 10 20 plane 0', "'inf' is no finite number"),
        (f'{SQUARE} plane hard', "difficulty must be an integer, got 'hard'"),
        (f'{SQUARE} boat 0', r"unknown class 'boat'; the known classes: \['plane', 'baseball"),
        ('0 .1 .1 .2 .1 .2 .2 .1 .445238', "unknown class '.445238' .*YOLO"),
    ],
)
def test_a_bad_line_is_named_with_its_file(folder, line, message):
    _, label = folder.add('a', f'{SQUARE} plane 0\n{line}\n')
    with pytest.raises(LabelError, match=message) as error:
        build_dataset(folder.cfg())
    assert str(error.value).startswith(f'{label}, line 2: ')


def test_a_label_file_that_is_no_text(folder):
    _, label = folder.add('a')
    label.write_bytes(b'\xff\xfe\x00\x80')
    with pytest.raises(LabelError, match=str(label)):
        build_dataset(folder.cfg())


@pytest.mark.parametrize('corners', ['5 5 5 5 5 5 5 5', '5 5 25 5 25 5 5 5', '5 5 6 5 6 6 5 6'])
@pytest.mark.parametrize('version', ['oc', 'le90', 'le135'])
def test_degenerate_boxes_are_dropped_counted_and_named(folder, log, corners, version):
    _, first = folder.add('a', f'{corners} plane 0\n{SQUARE} plane 0\n{corners} ship 0\n')
    _, second = folder.add('b', f'{corners} plane 0\n{SQUARE} ship 0\n')
    dataset = build_dataset(folder.cfg(version=version))
    assert [len(dataset.get_ann_info(i)['labels']) for i in range(2)] == [1, 1]
    warnings = [record.getMessage() for record in log if record.levelname == 'WARNING']
    assert len(warnings) == 1
    assert warnings[0].startswith('3 degenerate boxes in 2 label files dropped')
    assert f'{first} (2)' in warnings[0] and f'{second} (1)' in warnings[0]


def test_a_label_without_its_image(folder):
    folder.add('a')
    image, label = folder.add('b')
    image.unlink()
    with pytest.raises(UserError, match='1 of 2 label files have no image') as error:
        build_dataset(folder.cfg())
    assert str(label) in str(error.value) and str(image.with_suffix('')) in str(error.value)


def test_an_image_without_label_is_left_out_and_counted(folder, log):
    folder.add('a')
    folder.add('b', None)
    assert build_dataset(folder.cfg()).img_ids == ['a']
    assert any('1 images without a label file' in record.getMessage() for record in log)


def test_the_class_list_of_a_labelling_tool_is_no_label_file(folder):
    folder.add('a')
    (folder.root / 'labels' / 'classes.txt').write_text('plane\nship\n')
    assert build_dataset(folder.cfg()).img_ids == ['a']


def test_no_images_at_all(folder):
    image, _ = folder.add('a')
    image.unlink()
    with pytest.raises(UserError, match=r'no images .*img_prefix.* but 1 label files'):
        build_dataset(folder.cfg())


@pytest.mark.parametrize('test_mode', [False, True])
def test_no_labels_at_all(folder, test_mode):
    with pytest.raises(UserError, match='no label files'):
        build_dataset(folder.cfg(test_mode=test_mode))


@pytest.mark.parametrize('ann_file', ['images', 'labels'])
def test_a_test_folder_of_images_alone(folder, ann_file):
    folder.add('b', None, '.jpg')
    folder.add('a', None)
    cfg = folder.cfg(test_mode=True, ann_file=getattr(folder, ann_file))
    dataset = build_dataset(cfg)
    assert [info['filename'] for info in dataset.data_infos] == ['a.png', 'b.jpg']
    assert dataset[0]['img'][0].shape == (3, 64, 64)
    with pytest.raises(UserError, match='nothing to score against'):
        dataset.evaluate([[np.zeros((0, 6))] * 15] * 2)
    with pytest.raises(UserError, match='no label files'):
        build_dataset(folder.cfg(ann_file=folder.images))


def _truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize('suffix', ['.png', '.jpg', '.tif', '.bmp'])
def test_training_goes_on_without_a_truncated_image(folder, log, suffix):
    bad, _ = folder.add('bad', suffix=suffix)
    folder.add('good')
    _truncate(bad)
    dataset = build_dataset(folder.cfg())
    np.random.seed(0)
    for _ in range(3):
        assert dataset[0]['img_metas']['ori_filename'] == 'good.png'
    assert dataset.bad_images[bad.name] >= 3
    warnings = [record.getMessage() for record in log if record.levelname == 'WARNING']
    assert len(warnings) == 1 and str(bad) in warnings[0]
    assert '1 bad images so far' in warnings[0]


def test_training_stops_when_no_image_can_be_read(folder):
    bad, _ = folder.add('bad')
    bad.write_bytes(b'')
    with pytest.raises(BadImageError, match=f'10 samples in a row failed.*{bad}'):
        build_dataset(folder.cfg())[0]


def test_a_test_stops_at_a_truncated_image_and_names_it(folder):
    bad, _ = folder.add('bad')
    _truncate(bad)
    dataset = build_dataset(folder.cfg(test_mode=True))
    with pytest.raises(BadImageError, match=str(bad)):
        dataset[0]


@pytest.mark.parametrize(
    ('classes', 'expected'),
    [('plane', ('plane',)), (['plane', 'boat'], ['plane', 'boat']), (('boat', 'plane'), ('boat', 'plane'))],
)
def test_classes_of_the_config(folder, classes, expected):
    folder.add('a')
    dataset = build_dataset(folder.cfg(classes=classes))
    assert expected == dataset.CLASSES
    assert dataset.get_cat_ids(0) == [expected.index('plane')]
    assert len(DOTADataset.CLASSES) == 15


def test_classes_of_a_file(folder):
    folder.add('a')
    file = folder.root / 'names.txt'
    file.write_text('boat\nplane\n\n')
    assert build_dataset(folder.cfg(classes=str(file))).CLASSES == ('boat', 'plane')
    with pytest.raises(FileNotFoundError, match=r'no/names\.txt'):
        build_dataset(folder.cfg(classes='no/names.txt'))


@pytest.mark.parametrize('classes', [[], '', ['a', 'a'], [1], 5])
def test_classes_that_are_none(folder, classes):
    folder.add('a')
    with pytest.raises((ValueError, TypeError), match='classes'):
        build_dataset(folder.cfg(classes=classes))


def test_paths_start_from_data_root(folder):
    folder.add('a')
    cfg = folder.cfg(data_root=str(folder.root), ann_file='labels', img_prefix='images')
    assert build_dataset(cfg).img_ids == ['a']


def test_the_class_lists_users_know():
    assert DOTADataset.CLASSES[:2] == ('plane', 'baseball-diamond')
    assert DOTADataset.CLASSES[-1] == 'helicopter'
    assert SARDataset.CLASSES == ('ship',)
    assert HITUAVDataset.CLASSES == ('Person', 'Car', 'Bicycle', 'OtherVehicle')
    for cls in (DOTADataset, SARDataset, HITUAVDataset):
        assert len(cls.PALETTE) == len(cls.CLASSES)


def test_a_dataset_can_be_sent_to_a_worker(folder):
    folder.add('a')
    dataset = pickle.loads(pickle.dumps(build_dataset(folder.cfg())))
    assert dataset[0]['gt_bboxes'].shape == (1, 5)


def test_an_unknown_argument_is_named(folder):
    folder.add('a')
    with pytest.raises(TypeError, match=r"DOTADataset.*'img_prefx'; did you mean 'img_prefix'"):
        build_dataset(folder.cfg(img_prefx='x'))
    with pytest.raises(TypeError, match=r'misses the argument.*pipeline'):
        build_dataset(dict(type='DOTADataset', ann_file=folder.labels))


def test_pipeline_none_takes_another_sample(folder):
    folder.add('a')
    folder.add('bb')
    dropping = [*TRAIN, lambda sample: sample if 'bb' in sample['img_metas']['filename'] else None]
    dataset = build_dataset(folder.cfg(pipeline=dropping))
    np.random.seed(0)
    assert dataset[0]['img_metas']['ori_filename'] == 'bb.png'


def messages(log):
    return [record.getMessage() for record in log]


def test_a_subset_of_the_classes_leaves_the_others_out(folder, log):
    folder.add('a', f'{SQUARE} plane 0\n{SQUARE} ship 0\n{SQUARE} harbor 0\n{SQUARE} ship 0\n')
    dataset = build_dataset(folder.cfg(classes=('harbor', 'plane')))
    assert dataset.get_ann_info(0)['labels'].tolist() == [1, 0]
    said = [text for text in messages(log) if 'not asked for' in text]
    assert said == ['2 objects of classes that are not asked for left out: ship (2)']
    # with a class of one's own nothing says that a ship is none of its objects
    with pytest.raises(LabelError, match="line 2: unknown class 'ship'"):
        build_dataset(folder.cfg(classes=('harbor', 'plane', 'boat')))


def test_hidden_files_of_macos_are_none_of_ours(folder):
    folder.add('a')
    for name in ('labels/._a.txt', 'images/._a.png', 'labels/._b.txt'):
        (folder.root / name).write_bytes(b'\x00\x05\x16\x07Mac OS X')
    assert build_dataset(folder.cfg()).img_ids == ['a']


def test_an_empty_label_file_needs_no_image_in_training(folder, log):
    folder.add('a')
    folder.add('b', HEADER)[0].unlink()
    assert build_dataset(folder.cfg()).img_ids == ['a']
    assert '1 label files without objects and without an image: left out' in messages(log)
    for options in (dict(filter_empty_gt=False), dict(test_mode=True)):
        with pytest.raises(UserError, match='1 of 2 label files have no image'):
            build_dataset(folder.cfg(**options))


@pytest.mark.parametrize('test_mode', [False, True])
def test_boxes_outside_of_their_image_are_counted_and_said_once(folder, log, test_mode):
    for stem in ('a', 'b'):
        folder.add(stem, f'{SQUARE} plane 0\n100 10 130 10 130 20 100 20 plane 0\n-30 -9 -9 -9 -9 -1 -30 -1 plane 0\n')
    folder.add('c')
    dataset = build_dataset(folder.cfg(test_mode=test_mode))
    for index in (0, 1, 2, 0):
        dataset[index]
    assert dataset.outside == {'a.png': 2, 'b.png': 2}
    said = [text for text in messages(log) if 'outside' in text]
    assert said == ['2 boxes in 1 images so far lie wholly outside of their image, the latest in a.png']


@pytest.mark.parametrize('test_mode', [False, True])
@pytest.mark.parametrize(('name', 'message'), [('a.xml', r'1 files \*\.xml .*VOC'), ('a.json', 'COCO')])
def test_labels_of_another_format_are_named(folder, test_mode, name, message):
    folder.add('a', None)
    path = folder.root / 'labels' / name
    path.touch()
    places = [folder.labels, str(path)] if name == 'a.json' else [folder.labels]
    for place in places:
        with pytest.raises(UserError, match=f'no label files .*{message}'):
            build_dataset(folder.cfg(ann_file=place, test_mode=test_mode))
