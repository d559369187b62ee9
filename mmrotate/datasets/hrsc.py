"""HRSC2016: ships in harbours, annotated by XML files."""

import os
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmrotate.core.bbox import obb2poly_np
from mmrotate.core.bbox.angle import regularize
from mmrotate.core.visualization import HRSC_PALETTE
from mmrotate.registry import DATASETS
from mmrotate.utils.files import near_files

from .base import RotatedDataset
from .dota_labels import LabelError, Labels
from .image_folder import IMAGE_SUFFIXES, MissingFilesError, check_folders, find_images
from .metrics import METRICS

_BOX = ('mbox_cx', 'mbox_cy', 'mbox_w', 'mbox_h', 'mbox_ang')
# last two digits of a Class_ID -> name, as in the data set's sysdata.xml
# fmt: off
_KINDS = {
    1: 'ship', 2: 'aircraft carrier', 3: 'warcraft', 4: 'merchant ship', 5: 'Nimitz',
    6: 'Enterprise', 7: 'Arleigh Burke', 8: 'WhidbeyIsland', 9: 'Perry', 10: 'Sanantonio',
    11: 'Ticonderoga', 12: 'Kitty Hawk', 13: 'Kuznetsov', 14: 'Abukuma', 15: 'Austen',
    16: 'Tarawa', 17: 'Blue Ridge', 18: 'Container', 19: 'OXo|--)', 20: 'Car carrier([]==[])',
    22: 'Hovercraft', 24: 'yacht', 25: 'CntShip(_|.--.--|_]=', 26: 'Cruise', 27: 'submarine',
    28: 'lute', 29: 'Medical', 30: 'Car carrier(======|', 31: 'Ford-class', 32: 'Midway-class',
    33: 'Invincible-class',
}
# fmt: on


@DATASETS.register_module()
class HRSCDataset(RotatedDataset):
    """HRSC2016 (Liu et al., ICPRAM 2017): one class, or the 31 kinds of ships.

    Args:
        ann_file: text file with the name of an image, without its ending, in each line.
        img_subdir: folder of the images, where ``img_prefix`` is not given.
        ann_subdir: folder of the XML files.
        classwise: a class for each kind of ship; objects of other kinds are left out.
        pipeline, version, kwargs: see :class:`mmrotate.datasets.base.RotatedDataset`.
    """

    CLASSES: tuple[str, ...] = ('ship',)
    HRSC_CLASSES = tuple(_KINDS.values())
    PALETTE: Any = HRSC_PALETTE
    IOU_THR = METRICS['AP50:95']  # the zoo's mAP of HRSC2016

    def __init__(
        self,
        ann_file: str,
        pipeline: Sequence[dict],
        img_subdir: str = 'JPEGImages',
        ann_subdir: str = 'Annotations',
        classwise: bool = False,
        version: str = 'oc',
        **kwargs: Any,
    ) -> None:
        root = kwargs.get('data_root') or ''
        self.img_subdir, self.ann_subdir = os.path.join(root, img_subdir), os.path.join(root, ann_subdir)
        self.classwise = classwise
        if classwise:
            self.PALETTE = None  # distinct colours
            kwargs['classes'] = kwargs.get('classes') or self.HRSC_CLASSES
        kwargs['img_prefix'] = kwargs.get('img_prefix') or img_subdir
        super().__init__(ann_file, pipeline, version, **kwargs)

    def load_annotations(self, ann_file: str) -> list[dict]:
        """Read the XML file of every image in the list."""
        if not os.path.isfile(ann_file):
            raise MissingFilesError(f'no list of images ann_file={ann_file!r}{near_files(Path(ann_file))}')
        check_folders(img_prefix=self.img_prefix, ann_subdir=self.ann_subdir)
        names = Path(ann_file).read_text(encoding='utf-8-sig').split()
        images = find_images(self.img_prefix)
        paths = {name: os.path.join(self.ann_subdir, f'{name}.xml') for name in names}
        missing = [path for path in paths.values() if not os.path.isfile(path)]
        missing += [os.path.join(self.img_prefix, name) for name in names if name not in images]
        if missing:
            raise MissingFilesError(
                f'{len(missing)} files of {ann_file} are missing, the first: {missing[0]} '
                f'(images end in one of {", ".join(IMAGE_SUFFIXES)})'
            )
        return [dict(filename=images[name], ann=self._read(path)) for name, path in paths.items()]

    def _read(self, path: str) -> dict[str, np.ndarray]:
        """Annotation of one XML file."""
        boxes, labels = [], []
        try:
            for item in ElementTree.parse(path).iterfind('HRSC_Objects/HRSC_Object'):
                if (label := self._label(item)) is not None:
                    boxes.append([float(item.findtext(key, '')) for key in _BOX])
                    labels.append(label)
        except (ElementTree.ParseError, ValueError) as error:
            raise LabelError(f'{path}: {error}; each object needs Class_ID and {_BOX}') from None
        x, y, w, h, theta = np.array(boxes, np.float64).reshape(-1, 5).T
        found = np.stack([x, y, *regularize(w, h, theta, self.version)], 1).astype(np.float32)
        easy = np.zeros(len(labels), np.int64)
        return Labels(found, np.array(labels, np.int64), obb2poly_np(found, self.version), easy).annotation(0)

    def _label(self, item: ElementTree.Element) -> int | None:
        """Class of an object, None for one of no class."""
        if not self.classwise:
            return 0
        name = _KINDS.get(int(item.findtext('Class_ID', '')) % 100)
        return self.CLASSES.index(name) if name in self.CLASSES else None
