"""DOTA and other datasets with labels in its format."""

from collections.abc import Sequence
from typing import Any

from mmrotate.core.visualization import DOTA_PALETTE, HIT_UAV_PALETTE, SAR_PALETTE
from mmrotate.registry import DATASETS
from mmrotate.utils.arguments import ArgumentError

from .label_folder import LabelFolderDataset

_CLASSES = tuple(
    'plane baseball-diamond bridge ground-track-field small-vehicle large-vehicle ship tennis-court '
    'basketball-court storage-tank soccer-ball-field roundabout harbor swimming-pool helicopter '
    'container-crane airport helipad'.split()
)
# how many of the classes and colours a version of the data set has
DATA_VERSIONS = {'1.0': 15, '1.5': 16, '2.0': 18}


@DATASETS.register_module()
class DOTADataset(LabelFolderDataset):
    """DOTA, and every dataset with one text file of corners per image: :mod:`mmrotate.datasets.formats.dota`.

    Args:
        ann_file, pipeline, difficulty, kwargs: see :class:`mmrotate.datasets.label_folder.LabelFolderDataset`.
        version: an angle version ('oc', 'le90', 'le135'), as in 0.x, or one of DOTA itself ('1.0', '1.5', '2.0'), which
            says the classes; :class:`DOTAv15Dataset` and :class:`DOTAv2Dataset` are the same with an angle version.
        angle_version: the angle version, where ``version`` is one of DOTA.
    """

    CLASSES: tuple[str, ...] = _CLASSES[:15]
    PALETTE: Any = DOTA_PALETTE[:15]

    def __init__(
        self,
        ann_file: str,
        pipeline: Sequence[dict],
        version: str = 'oc',
        difficulty: int = 100,
        angle_version: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.data_version = str(version) if str(version) in DATA_VERSIONS else None  # a config may have it as a number
        if self.data_version:
            version, self.PALETTE = angle_version or 'oc', DOTA_PALETTE[: DATA_VERSIONS[self.data_version]]
            kwargs['classes'] = self.own_classes if kwargs.get('classes') is None else kwargs['classes']
        elif angle_version not in (None, version):
            raise ArgumentError(f'version={version!r} is an angle version, and angle_version={angle_version!r} another')
        super().__init__(ann_file, pipeline, version, difficulty, **kwargs)

    @property
    def own_classes(self) -> tuple[str, ...]:
        """The classes of the data set, of which the argument ``classes`` may be a part."""
        return _CLASSES[: DATA_VERSIONS[self.data_version]] if self.data_version else super().own_classes


@DATASETS.register_module()
class DOTAv15Dataset(DOTADataset):
    """DOTA 1.5: container cranes, and small objects of about ten pixels, as well."""

    CLASSES: tuple[str, ...] = _CLASSES[:16]
    PALETTE: Any = DOTA_PALETTE[:16]


@DATASETS.register_module()
class DOTAv2Dataset(DOTADataset):
    """DOTA 2.0: airports and helipads as well."""

    CLASSES: tuple[str, ...] = _CLASSES
    PALETTE: Any = DOTA_PALETTE


@DATASETS.register_module()
class SARDataset(DOTADataset):
    """Ships in radar images (SSDD, HRSID), with labels in the DOTA format."""

    CLASSES: tuple[str, ...] = ('ship',)
    PALETTE: Any = SAR_PALETTE


@DATASETS.register_module()
class HITUAVDataset(DOTADataset):
    """HIT-UAV: infrared images from drones (Suo et al., Sci. Data 10, 227, 2023)."""

    CLASSES: tuple[str, ...] = ('Person', 'Car', 'Bicycle', 'OtherVehicle')
    PALETTE: Any = HIT_UAV_PALETTE
