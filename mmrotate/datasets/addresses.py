"""Where datasets are fetched from."""

_COCO = 'http://images.cocodataset.org'
_VOC = 'http://host.robots.ox.ac.uk/pascal/VOC'
_LVIS = 'https://s3-us-west-2.amazonaws.com/dl.fbaipublicfiles.com/LVIS'
_DOTA = 'https://huggingface.co/datasets/torchgeo/dota/resolve/main'


def _dota(images: str, labels: str) -> list[str]:
    names = [f'{labels}_annotations', f'{images}_images']
    return [f'{_DOTA}/{name}_{part}.tar.gz' for part in ('train', 'val') for name in names]


# name -> archives that anybody can fetch
ADDRESSES = {
    'coco2017': [
        *(f'{_COCO}/zips/{part}2017.zip' for part in ('train', 'val', 'test')),
        f'{_COCO}/annotations/annotations_trainval2017.zip',
        f'{_COCO}/annotations/image_info_test2017.zip',
    ],
    'voc2007': [f'{_VOC}/voc2007/{name}_06-Nov-2007.tar' for name in ('VOCtrainval', 'VOCtest')],
    'voc2012': [f'{_VOC}/voc2012/VOCtrainval_11-May-2012.tar'],
    'lvis': [f'{_LVIS}/lvis_v1_{part}.json.zip' for part in ('train', 'val')],
    'dota1_0': _dota('dotav1.0', 'dotav1.0'),  # a copy that TorchGeo keeps, CC BY-NC 4.0; the images of 1.5 are these
    'dota1_5': _dota('dotav1.0', 'dotav1.5'),
    'hit_uav': ['https://github.com/suojiashun/HIT-UAV-Infrared-Thermal-Dataset/archive/refs/heads/main.zip'],
}
# name -> page on which a person must ask, log in or click
PAGES = {
    'dota2_0': 'https://captain-whu.github.io/DOTA/dataset.html',
    'hrsc2016': 'https://sites.google.com/site/hrsc2016/',
    'ssdd': 'https://github.com/TianwenZhang0825/Official-SSDD',
    'hrsid': 'https://github.com/chaozhong2010/HRSID',
}
