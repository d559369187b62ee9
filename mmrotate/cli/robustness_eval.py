"""``mmrotate robustness-eval``: the table of a test on images made worse."""

import argparse
import functools
import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmrotate.cli.basics import run_command
from mmrotate.datasets.pipelines.corrupt import CORRUPTIONS
from mmrotate.utils import UserError

# the groups of the published benchmark; its figures are means over the first four
GROUPS = {
    'noise': ('gaussian_noise', 'shot_noise', 'impulse_noise'),
    'blur': ('defocus_blur', 'glass_blur', 'motion_blur', 'zoom_blur'),
    'weather': ('snow', 'frost', 'fog', 'brightness'),
    'digital': ('contrast', 'elastic_transform', 'pixelate', 'jpeg_compression'),
    'holdout': ('speckle_noise', 'gaussian_blur', 'spatter', 'saturate'),
}
BENCHMARK = tuple(name for group, names in GROUPS.items() if group != 'holdout' for name in names)
PRINTS = {
    'P': 'performance on clean images',
    'mPC': 'mean performance under corruption',
    'rPC': 'relative performance under corruption, mPC / P',
}
Scores = Mapping[str, Mapping[str, Mapping[str, float]]]  # corruption -> severity ('0' to '5') -> metric -> value


def add_print_options(parser: argparse.ArgumentParser, prints: str, aggregate: str) -> None:
    """Which figures, and over which corruptions; the options have other names in the two commands."""
    text = '; '.join(f'{name}: {what}' for name, what in PRINTS.items())
    parser.add_argument(prints, dest='prints', nargs='+', choices=PRINTS, default=list(PRINTS), help=text)
    text = 'over all corruptions of the file, or those of the published benchmark (default: benchmark)'
    parser.add_argument(aggregate, dest='aggregate', choices=('all', 'benchmark'), default='benchmark', help=text)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument('filename', help='the .json file that mmrotate robustness wrote')
    parser.add_argument('--metric', nargs='+', help='scores to show (default: all)')
    add_print_options(parser, '--prints', '--aggregate')


def run(args: argparse.Namespace) -> None:
    """Print the table."""
    scores = read_scores(Path(args.filename))
    known = sorted({metric for levels in scores.values() for found in levels.values() for metric in found})
    if unknown := sorted(set(args.metric or ()) - set(known)):
        raise UserError(f'{args.filename} has no score {", ".join(unknown)}, only {", ".join(known)}')
    print_table(scores, args.metric or known, args.prints, args.aggregate)


def read_scores(path: Path) -> Scores:
    """The scores in a file of ``mmrotate robustness``."""
    try:
        scores = json.loads(path.read_text(encoding='utf-8'))['scores']
        if all(isinstance(found, dict) for levels in scores.values() for found in levels.values()) and scores:
            return scores
        reason = 'its scores are none'
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f'{type(error).__name__}: {error}'
    raise UserError(f'{path} is no file that mmrotate robustness wrote ({reason})')


def print_table(scores: Scores, metrics: Sequence[str], prints: Sequence[str], aggregate: str) -> None:
    """One row a corruption with its score at each severity, then the figures over all."""
    chosen = {name: levels for name, levels in scores.items() if aggregate == 'all' or name in BENCHMARK}
    if not chosen:
        raise UserError(f'none of {", ".join(scores)} is a corruption of the benchmark: take all')
    for metric in metrics:
        severities = sorted({severity for levels in scores.values() for severity in levels})
        print(f'{metric:<20}' + ''.join(f'{severity:>8}' for severity in severities))
        for name in sorted(scores, key=list(CORRUPTIONS).index):
            cells = (scores[name].get(severity, {}).get(metric) for severity in severities)
            print(f'{name:<20}' + ''.join(f'{"" if cell is None else format(cell, ".4f"):>8}' for cell in cells))
        figures = summary(chosen, metric)
        for key in prints:
            value = figures[key]
            shown = 'not known: it needs both severity 0 and others' if value is None else f'{value:.4f}'
            print(f'{key} ({PRINTS[key]}) over {len(chosen)} corruptions: {shown}')


def summary(scores: Scores, metric: str) -> dict[str, float | None]:
    """P, mPC and rPC of a metric; None for what does not follow from the severities that there are."""
    clean = [levels['0'][metric] for levels in scores.values() if metric in levels.get('0', {})]
    means = []
    for levels in scores.values():
        if worse := [found[metric] for severity, found in levels.items() if severity != '0' and metric in found]:
            means.append(statistics.mean(worse))
    p, mpc = (statistics.mean(values) if values else None for values in (clean, means))
    return {'P': p, 'mPC': mpc, 'rPC': None if mpc is None or not p else mpc / p}


main = functools.partial(run_command, add_arguments, run, 'mmrotate robustness-eval', __doc__)
