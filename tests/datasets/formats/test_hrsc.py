"""XML files of HRSC2016, damaged ones, and other layouts."""

import pytest

from mmrotate.datasets import LabelError
from mmrotate.datasets.formats import ClassNames, read_hrsc, read_labels

OBJECT = """<HRSC_Object><Class_ID>100000001</Class_ID><mbox_cx>40</mbox_cx><mbox_cy>40</mbox_cy>
<mbox_w>{}</mbox_w><mbox_h>14</mbox_h><mbox_ang>0.6</mbox_ang></HRSC_Object>"""


def image(*objects, tag='HRSC_Objects', head=''):
    return f'{head}<HRSC_Image><{tag}>{"".join(objects)}</{tag}></HRSC_Image>'


def read(tmp_path, text):
    path = tmp_path / 'ship.xml'
    path.write_text(text)
    return read_labels(path, read_hrsc, ClassNames({'ship': 0}), 'le90')


@pytest.mark.parametrize('width', ['0', '-3', '1'])
def test_ships_without_area_are_left_out(tmp_path, width):
    found = read(tmp_path, image(OBJECT.format(50), OBJECT.format(width)))
    assert found.bboxes.tolist() == [pytest.approx([40, 40, 50, 14, 0.6])]
    assert found.degenerate == 1


@pytest.mark.parametrize('width', ['nan', 'inf', '-inf', '1e39', '99999999999999999999', '1_0', ''])
def test_values_that_are_none(tmp_path, width):
    with pytest.raises(LabelError, match=r'ship\.xml, object 2: the box value .* is no finite number'):
        read(tmp_path, image(OBJECT.format(50), OBJECT.format(width)))


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('<annotation><object><robndbox><cx>6</cx></robndbox></object></annotation>', 'roLabelImg'),
        ('<annotation><object><bndbox><xmin>6</xmin></bndbox></object></annotation>', 'VOC'),
        ('<annotation><filename>a</filename></annotation>', r"the root 'annotation' with \['filename'\]"),
        (image(OBJECT.format(50), tag='HRSC_Objectsx'), 'no annotation of HRSC2016'),
        (image(OBJECT.format(50).replace('HRSC_Object', 'HRSC_Objectx')), "'HRSC_Objectx' among its objects"),
        (image(head='<?xml version="1.0" encoding="foo"?>'), 'no XML that can be read: .*foo'),
        (image(head='<?xml version="1.0" encoding="rot13"?>'), 'no XML that can be read'),
        (image(head='<?xml version="1.0" encoding="base64"?>'), 'no XML that can be read'),
        ('', 'no XML that can be read: no element found'),
    ],
)
def test_other_files_are_named(tmp_path, text, message):
    with pytest.raises(LabelError, match=rf'ship\.xml: .*{message}'):
        read(tmp_path, text)


def test_an_image_without_ships(tmp_path):
    assert len(read(tmp_path, image())) == 0
