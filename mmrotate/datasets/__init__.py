"""Datasets, their pipelines and data loaders."""

from typing import TYPE_CHECKING

from mmrotate.utils.lazy import lazily

if TYPE_CHECKING:
    from mmrotate.registry import DATASETS as ROTATED_DATASETS
    from mmrotate.registry import PIPELINES as ROTATED_PIPELINES

    from . import pipelines
    from .any_format import AnyFileDataset, AnyFolderDataset, dataset_config
    from .base import RotatedDataset
    from .builder import build_dataloader, build_dataset, collate
    from .custom import CustomDataset
    from .dota import DOTADataset, DOTAv2Dataset, DOTAv15Dataset, HITUAVDataset, RSARDataset, SARDataset, STARDataset
    from .formats import LabelError
    from .hrsc import HRSCDataset
    from .large_images import LargeImageDataset
    from .mix_dataset import MultiImageMixDataset
    from .pipelines import BadImageError
    from .published import (
        CocoRotatedDataset,
        DIORDataset,
        DroneVehicleDataset,
        FAIR1MDataset,
        ICDAR2015Dataset,
        YOLOOBBDataset,
    )
    from .samplers import ClassAwareSampler
    from .wrappers import ClassBalancedDataset, ConcatDataset, RepeatDataset

lazily(__name__)
