"""A file of each format that is read as what it says, and is told from the others; wrong ones are named."""

import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmrotate.datasets.formats import FORMATS, AnyNames, LabelError, PerImage, Split, check_record
from mmrotate.datasets.formats.record import naming_file
from mmrotate.datasets.formats.shapes import corners
from mmrotate.datasets.sources import recognise

DATA = Path(__file__).parents[2] / 'data'
SAMPLES = {path.name: path for path in (DATA / 'formats').iterdir() if path.suffix != '.md'}
QUAD = [110, 120, 160, 130, 155, 160, 105, 150]
UPRIGHT = [300, 310, 340, 310, 340, 330, 300, 330]
# 100 x 50 pixels, turned by the angle of the triangle with the sides 3, 4, 5
TURNED = [100, 100, 180, 160, 150, 200, 70, 140]

# what the image a.png of each file holds: class, difficulty, corners
EXPECTED = {
    'dior.xml': [('Airplane', 0, QUAD), ('Expressway-Service-area', 1, [200, 210, 300, 210, 300, 260, 200, 260])],
    'ssdd.xml': [('ship', 0, [215, 48, 261, 45, 268, 143, 223, 147])],
    'dronevehicle.xml': [('freight car', 0, [120, 210, 182, 205, 184, 231, 121, 236]), ('bus', 0, UPRIGHT)],
    'fair1m.xml': [
        ('Dry Cargo Ship', 0, [100.5, 50, 180.5, 60, 178, 80, 98, 70]),
        ('A220', 0, [300, 300, 340, 300, 340, 330, 300, 330]),
    ],
    'icdar2015.txt': [
        ('text', 0, [377, 117, 463, 117, 465, 130, 378, 130]),
        ('text', 0, [493, 115, 519, 115, 519, 131, 493, 131]),
        ('text', 1, [374, 155, 409, 155, 409, 170, 374, 170]),
        ('text', 0, [492, 151, 551, 151, 551, 170, 492, 170]),
    ],
    'ucas-aod.txt': [('airplane', 0, QUAD), ('car', 0, UPRIGHT)],
    'labelme.json': [
        ('car', 0, [110.5, *QUAD[1:]]),
        ('ship', 0, UPRIGHT),
        ('car', 0, [460, 420, 400, 420, 400, 400, 460, 400]),
    ],
    'x-anylabeling.json': [('car', 1, TURNED), ('ship', 0, UPRIGHT)],
    'cvat.xml': [('car', 1, TURNED), ('ship', 0, UPRIGHT), ('car', 0, QUAD)],
    'label-studio.json': [('car', 0, TURNED), ('ship', 0, [320, 256, 480, 256, 480, 384, 400, 384])],
    'fiftyone.json': [('car', 0, TURNED), ('ship', 0, UPRIGHT)],
}


@pytest.fixture(scope='module')
def images(tmp_path_factory):
    """A folder with the images of the files."""
    folder = tmp_path_factory.mktemp('images')
    for name in ('a', 'b'):
        cv2.imwrite(f'{folder}/{name}.png', np.zeros((512, 640), np.uint8))
    return folder


@pytest.fixture
def read(images, tmp_path):
    """Reads the content of a file of a format: its records, checked, by the stem of their image."""

    def records(name, content, format=None):
        form = FORMATS[format or Path(name).stem]
        path = tmp_path / (f'{form.prefix}a{form.suffix}' if isinstance(form, PerImage) else name)
        path.write_bytes(content)
        found = form.read(Split(tmp_path if isinstance(form, PerImage) else path, images))
        with naming_file(path):
            return {Path(record.image).stem: check_record(record, AnyNames()) for record in found}

    return records


@pytest.mark.parametrize('name', EXPECTED)
def test_a_file_is_read(read, name):
    records = read(name, SAMPLES[name].read_bytes())
    entries = records.pop('a').entries
    assert [entry[:2] for entry in EXPECTED[name]] == [(entry.name, entry.difficulty) for entry in entries]
    for entry, (*_, expected) in zip(entries, EXPECTED[name], strict=True):
        assert corners(entry.shape) == pytest.approx(expected, abs=1e-4)
    assert all(not record.entries for record in records.values())


def test_rolabelimg_as_published(read):
    entries = read('voc.xml', SAMPLES['voc.xml'].read_bytes())['a'].entries
    labels = DATA / 'hit_uav/labelTxt/1_80_80_0_04775.txt'
    lines = [line.split() for line in labels.read_text().splitlines()]
    assert [entry.name for entry in entries] == [line[8] for line in lines] and len(lines) == 17
    for entry, line in zip(entries, lines, strict=True):
        found, expected = (np.reshape(values, (4, 2)) for values in (corners(entry.shape), np.float64(line[:8])))
        assert np.linalg.norm(found[:, None] - expected, axis=-1).min(1).max() < 0.02


def test_the_bow_of_a_ship_is_its_heading(read):
    first, second = read('hrsc.xml', SAMPLES['hrsc.xml'].read_bytes())['a'].entries
    assert (first.name, first.shape, first.difficulty) == ('Nimitz', [300.5, 200.25, 220, 40, -0.6], 0)
    assert first.heading == pytest.approx(math.atan2(260 - 200.25, 210 - 300.5))
    assert (second.name, second.heading, second.difficulty) == ('ship', None, 1)


def test_the_angle_of_rsdd_is_that_of_the_long_height(read):
    (entry,) = read('rsdd.xml', SAMPLES['rsdd.xml'].read_bytes())['a'].entries
    assert entry.shape == [250.5, 200, 80, 20, 0.5]  # x, y, w, h, angle


def test_what_else_is_in_files_of_labelling_tools(read):
    assert [e.score for e in read('x', SAMPLES['x-anylabeling.json'].read_bytes(), 'x-anylabeling')['a'].entries] == [
        None,
        0.75,
    ]
    assert [e.score for e in read('x', SAMPLES['fiftyone.json'].read_bytes(), 'fiftyone')['a'].entries] == [0.9, None]
    tasks = SAMPLES['label-studio.json'].read_bytes().replace(b'"predictions": []', b'"ids": []')
    predicted = tasks.replace(b'"annotations"', b'"predictions"').replace(b'"type": "re', b'"score": 0.5, "type": "re')
    assert [entry.score for entry in read('x', predicted, 'label-studio')['a'].entries] == [0.5, None]


def test_codrone_is_dota(read):
    entries = read('codrone.txt', SAMPLES['codrone.txt'].read_bytes(), 'dota')['a'].entries
    assert [entry.name for entry in entries] == ['car', 'traffic-light']


@pytest.mark.parametrize('folder', ['CAR', 'PLANE/images', 'neg'])
def test_the_folder_of_ucas_aod_says_the_class(tmp_path, folder):
    (tmp_path / folder).mkdir(parents=True)
    cv2.imwrite(f'{tmp_path / folder}/P1.png', np.zeros((9, 9), np.uint8))
    line = SAMPLES['ucas-aod.txt'].read_text().splitlines()[0].removeprefix('airplane\t')
    (tmp_path / folder / 'P1.txt').write_text(line)
    for split in (Split(tmp_path, tmp_path), Split(tmp_path / folder, tmp_path / folder)):
        try:
            name = next(FORMATS['ucas-aod'].read(split)).entries[0].name
        except LabelError as error:
            name = str(error)
        assert name in {'CAR': 'car', 'PLANE/images': 'airplane'}.get(folder, name) and (
            folder != 'neg' or 'line 1: no class' in name
        )


@pytest.mark.parametrize('name', SAMPLES)
def test_each_is_told_from_the_others(name):
    content = SAMPLES[name].read_bytes()[: 1 << 16]
    suits = {form.name: reason for form in FORMATS.values() if (reason := form.suits(content))}
    assert list(suits) == [{'codrone': 'dota'}.get(SAMPLES[name].stem, SAMPLES[name].stem)]


@pytest.mark.parametrize('name', SAMPLES)
def test_a_folder_is_recognised(tmp_path, images, name):
    kind = {'codrone': 'dota'}.get(SAMPLES[name].stem, SAMPLES[name].stem)
    form = FORMATS[kind]
    label = f'{form.prefix}a{form.suffix}' if isinstance(form, PerImage) else name
    (tmp_path / 'labels').mkdir()
    (tmp_path / 'pictures').symlink_to(images)
    (tmp_path / 'labels' / label).write_bytes(SAMPLES[name].read_bytes())
    source = recognise(tmp_path)
    assert (source.format, source.splits['all'].images) == (form, tmp_path / 'pictures')
    assert next(source.read('all')).image == 'a.png'


# a change of a file, and what is said of it
WRONG = [
    ('dior.xml', '<x_left_top>110', '<x_left_top>1x', "object 1: the corner value '1x' is no finite number"),
    ('dior.xml', 'x_left_top>', 'x1>', 'object 1: robndbox has no x_left_top, but'),
    ('dior.xml', 'bndbox>', 'box>', r"object 1: one of \['robndbox', 'bndbox'\] is needed"),
    ('voc.xml', 'cx>', 'x_left_top>', "object 1: robndbox has no cx, but .'x_left_top'"),
    ('voc.xml', 'annotation', 'HRSC_Image', 'no annotation of VOC or roLabelImg.* the layout of roLabelImg'),
    ('ssdd.xml', '<y4>147', '<y4>nan', "object 1: the corner value 'nan'"),
    ('rsdd.xml', '<angle>0.5', '<angle>', "object 1: the box value ''"),
    ('dronevehicle.xml', '</annotation>', '', 'no XML that can be read'),
    ('fair1m.xml', '<point>340,300</point>', '', 'object 2: four points x,y are needed'),
    ('fair1m.xml', 'objects>', 'things>', 'no annotation of FAIR1M: annotation/objects is needed'),
    ('hrsc.xml', '<header_x>210', '<header_x>left', "object 1, header: the box value 'left'"),
    ('icdar2015.txt', '378,130,Gen', '378 130,Gen', "line 1: the corner value '378 130'"),
    ('icdar2015.txt', '493,115,519,115,519,131,493,131,', '493,115,', 'line 2: 8 or 9 columns .* got 3'),
    ('ucas-aod.txt', '\t40\t20', '', r'line 2: 13 numbers .* got 11'),
    ('labelme.json', '"polygon"', '"circle"', "shape 1: the shape_type 'circle' is no box; those read: rectangle"),
    ('labelme.json', '[300.0, 310.0]', '[300.0]', r'shape 2: points \[\[x, y\], ...\] are needed'),
    ('labelme.json', '110.5', 'null', 'shape 1: the corner value None'),
    ('labelme.json', '"shapes"', '"forms"', 'no file of LabelMe or X-AnyLabeling: a list "shapes" is needed'),
    ('x-anylabeling.json', 'true', '"yes"', "shape 1: the difficulty must be an integer, got 'yes'"),
    ('x-anylabeling.json', '0.75', 'NaN', 'shape 2: the score nan is no finite number'),
    ('cvat.xml', 'xtl="300"', '', "image 'a.png', shape 2: the box value ''"),
    ('cvat.xml', '110.00,120.00;', '110.00;', "image 'a.png', shape 3: points as"),
    ('cvat.xml', 'box', 'ellipse', "image 'a.png', shape 1: a ellipse is no box; those read: box, polygon"),
    ('cvat.xml', 'image id', 'track id', 'no XML|the tracks of CVAT for video'),
    (
        'label-studio.json',
        '"original_width": 640',
        '"original_width": "w"',
        "task 1, result 1: the box value 'w'|task 1",
    ),
    ('label-studio.json', '"rectanglelabels"', '"brushlabels"', "task 1, result 1: the type 'brushlabels' is no box"),
    ('label-studio.json', '"rotation": 36', '"rotation": "x36', 'no JSON that can be read'),
    ('label-studio.json', '"result": []', '"result": 7', 'task 2: result must be a list, got 7'),
    ('label-studio.json', 'b.png', 'b.mp4', 'task 2: no address of an image in data'),
    ('fiftyone.json', '[0.46875, ', '[', "image 'a', object 2: a bounding_box of four fractions is needed"),
    ('fiftyone.json', '"label": 1', '"label": 2', "image 'a', object 2: a label is needed, .* got 2"),
    ('fiftyone.json', '"b"', '"c"', "image 'c': the size of the image is needed, and there is none"),
]


@pytest.mark.parametrize(('name', 'old', 'new', 'message'), WRONG)
def test_wrong_files_are_named(read, name, old, new, message):
    content = SAMPLES[name].read_text(encoding='utf-8')
    assert old in content
    with pytest.raises(LabelError, match=message) as error:
        records = read(name, content.replace(old, new).encode())
        assert records is None
    assert str(error.value).startswith('/')
