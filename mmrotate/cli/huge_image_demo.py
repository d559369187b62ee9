"""``demo/huge_image_demo.py``: the demo of MMRotate 0.3 for an image that is too large for the detector."""

import argparse
import functools
import sys
from pathlib import Path

from mmrotate.apis import inference_detector_by_patches, init_detector
from mmrotate.cli.basics import palette, picture, run_command, score, whole_number
from mmrotate.cli.common import CHECKPOINT_HELP, CONFIG_HELP, add_device
from mmrotate.cli.image_demo import device_that_is_here
from mmrotate.core.visualization import has_screen
from mmrotate.utils import UserError
from mmrotate.utils.places import check_outputs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Those of 0.3, and ``--out-file``."""
    parser.add_argument('img', help='image file')
    parser.add_argument('config', help=CONFIG_HELP)
    parser.add_argument('checkpoint', help=CHECKPOINT_HELP)
    side = whole_number(1)
    parser.add_argument('--patch_sizes', type=side, nargs='+', default=[1024], help='sides of the patches')
    parser.add_argument('--patch_steps', type=side, nargs='+', default=[824], help='from each patch to the next')
    text = 'scales at which the image is searched'
    parser.add_argument('--img_ratios', type=float, nargs='+', default=[1.0], help=text)
    text = 'overlap of two detections of a class above which the worse one goes'
    parser.add_argument('--merge_iou_thr', type=score, default=0.1, help=text)
    parser.add_argument('--bs', type=side, default=1, help='patches at once')
    parser.add_argument('--palette', type=palette, help='dota, sar, hrsc, hrsc_classwise, hit_uav, random, or a colour')
    parser.add_argument('--score-thr', type=score, default=0.3, help='lowest score shown')
    parser.add_argument('--out-file', type=picture, help='the picture')
    add_device(parser)
    parser.set_defaults(palette='dota', device='cuda:0')


def run(args: argparse.Namespace) -> None:
    """Detect patch by patch, and show or write the picture."""
    if not args.out_file and not has_screen():
        raise UserError('no window can be opened here: --out-file FILE writes the picture')
    if args.out_file:
        check_outputs([('--out-file', Path(args.out_file))], [args.img, args.checkpoint])
    model = init_detector(args.config, args.checkpoint, device_that_is_here(args.device))
    sizes, steps = args.patch_sizes, args.patch_steps
    if len(sizes) != len(steps) or any(step >= size for size, step in zip(sizes, steps, strict=True)):
        raise UserError(f'--patch_steps {steps}: a step below each of --patch_sizes {sizes} is needed')
    result = inference_detector_by_patches(model, args.img, sizes, steps, args.img_ratios, args.merge_iou_thr, args.bs)
    shown = dict(score_thr=args.score_thr, bbox_color=args.palette, show=not args.out_file, out_file=args.out_file)
    model.show_result(args.img, result, **shown)
    found = sum(int((dets[:, 5] >= args.score_thr).sum()) for dets in result)
    print(f'{found} detections with a score from {args.score_thr} on', file=sys.stderr)


_DESCRIPTION = 'Detect rotated objects in a large image, patch by patch, and show or write the picture.'
main = functools.partial(run_command, add_arguments, run, 'huge_image_demo.py', _DESCRIPTION)
