"""How much a training depends on chance: one recipe from several seeds, with mean and spread.

    python benchmarks/seeds.py CONFIG --data data/hit_uav --out outputs/seeds

trains from each seed in a folder of its own, scores the validation images, and prints a table. A seed that was done
before is not trained again, and one that was stopped goes on, so that hours can be had in pieces.
"""

import argparse
import json
import statistics
from pathlib import Path

import torch
from methods import BASE, run
from mmengine.config import Config, DictAction
from small import CONFIGS

SCORES = ('AP50', 'AP75', 'AP50:95')


def config_of(args: argparse.Namespace, seed: int) -> Config:
    """The recipe on the data, from one seed."""
    cfg = Config.fromfile(args.config)
    for split in ('train', 'val') if args.data else ():
        folder, part = args.data / split, cfg.data[split]
        # the shipped recipes draw images of rare classes more often, by a data set around the one that reads
        while 'dataset' in part:
            part = part.dataset
        part.update(ann_file=str(folder / 'labelTxt'), img_prefix=str(folder / 'images'))
    if args.epochs:
        cfg.runner.max_epochs = args.epochs
    cfg.merge_from_dict({'seed': seed, 'device': args.device, **(args.cfg_options or {})})
    # what was stopped goes on
    last = args.out / str(seed) / 'latest.pth'
    cfg.resume_from = str(last) if last.exists() else None
    return cfg


def scores_of(args: argparse.Namespace, seed: int) -> dict[str, float]:
    """Scores of a seed, from its file if there is one."""
    folder = args.out / str(seed)
    done = folder / 'scores.json'
    if not done.exists():
        found = run(config_of(args, seed), folder, list(SCORES))
        done.write_text(json.dumps({key: float(found[key]) for key in (*SCORES, 'seconds')}), encoding='utf-8')
    return json.loads(done.read_text(encoding='utf-8'))


def table(rows: dict[int, dict[str, float]]) -> str:
    """Markdown: a row a seed, then the means and the standard deviations of the sample."""
    lines = [f'| seed | {" | ".join(SCORES)} | seconds |', '|' + '---|' * (len(SCORES) + 2)]
    for seed, row in rows.items():
        lines.append(f'| {seed} | {" | ".join(f"{row[key]:.3f}" for key in SCORES)} | {row["seconds"]:.0f} |')
    columns = [[row[key] for row in rows.values()] for key in SCORES]
    lines.append(f'| mean | {" | ".join(f"{statistics.mean(c):.3f}" for c in columns)} | |')
    if len(rows) > 1:
        lines.append(f'| spread | {" | ".join(f"{statistics.stdev(c):.3f}" for c in columns)} | |')
    return '\n'.join(lines)


def main(argv: list[str] | None = None) -> None:
    """Print the table after every seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', type=Path, nargs='?', default=CONFIGS / f'{BASE}.py', help='default: the shipped one')
    parser.add_argument('--data', type=Path, help="folder of train and val; default: the config's")
    parser.add_argument('--out', type=Path, default=Path('outputs/seeds'), help='folder (default: outputs/seeds)')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    parser.add_argument('--epochs', type=int, help="default: the config's")
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='KEY=VALUE of the config')
    args = parser.parse_args(argv)
    rows: dict[int, dict[str, float]] = {}
    for seed in args.seeds:
        rows[seed] = scores_of(args, seed)
        print(table(rows), flush=True)
        (args.out / 'seeds.md').write_text(table(rows) + '\n', encoding='utf-8')


if __name__ == '__main__':
    main()
