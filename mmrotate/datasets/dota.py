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

    CLASSES: Sequence[str] = _CLASSES[:15]
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

    CLASSES: Sequence[str] = _CLASSES[:16]
    PALETTE: Any = DOTA_PALETTE[:16]


@DATASETS.register_module()
class DOTAv2Dataset(DOTADataset):
    """DOTA 2.0: airports and helipads as well."""

    CLASSES: Sequence[str] = _CLASSES
    PALETTE: Any = DOTA_PALETTE


@DATASETS.register_module()
class SARDataset(DOTADataset):
    """Ships in radar images (SSDD, HRSID), with labels in the DOTA format."""

    CLASSES: Sequence[str] = ('ship',)
    PALETTE: Any = SAR_PALETTE


@DATASETS.register_module()
class HITUAVDataset(DOTADataset):
    """HIT-UAV: infrared images from drones (Suo et al., Sci. Data 10, 227, 2023)."""

    CLASSES: Sequence[str] = ('Person', 'Car', 'Bicycle', 'OtherVehicle')
    PALETTE: Any = HIT_UAV_PALETTE


@DATASETS.register_module()
class RSARDataset(DOTADataset):
    """RSAR: radar images (Zhang et al., CVPR 2025), with labels in the DOTA format."""

    CLASSES: Sequence[str] = ('ship', 'aircraft', 'car', 'tank', 'bridge', 'harbor')
    PALETTE: Any = None


@DATASETS.register_module()
class STARDataset(DOTADataset):
    """STAR: large satellite images (Li et al., TPAMI 2024), with labels in the DOTA format."""

    CLASSES: Sequence[str] = tuple(
        'ship boat crane goods_yard tank storehouse breakwater dock airplane boarding_bridge runway taxiway terminal '
        'apron gas_station truck car truck_parking car_parking bridge cooling_tower chimney vapor smoke genset '
        'coal_yard lattice_tower substation wind_mill cement_concrete_pavement toll_gate flood_dam gravity_dam '
        'ship_lock ground_track_field basketball_court engineering_vehicle foundation_pit intersection '
        'soccer_ball_field tennis_court tower_crane unfinished_building arch_dam roundabout baseball_diamond stadium '
        'containment_vessel'.split()
    )
    PALETTE: Any = None
