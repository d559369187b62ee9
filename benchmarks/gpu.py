"""What has to be seen on a GPU, part by part; see gpu.sh, which prepares the machine and calls this.

Every part runs in a process of its own and has a limit of time: one that fails, hangs or breaks the
device is named in the table, and the others are there all the same. The table and the numbers are
written anew after each part.
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
import torchvision
from gpu_parts import PARTS

from mmrotate.utils.files import replacing

# seconds that a part may take at most, of eight minutes in all
LIMITS = {'tests': 120, 'agreement': 40, 'ops': 60, 'speed': 200, 'training': 180}


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--tiny', action='store_true', help='small sizes: does it run to its end?')
    parser.add_argument('--minutes', type=float, default=8, help='for all parts together (default: 8)')
    parser.add_argument('--data', type=Path, help='HIT-UAV, in the layout of data/hit_uav; default: the four samples')
    parser.add_argument('--out', type=Path, default=Path('outputs/gpu'), help='folder (default: outputs/gpu)')
    parser.add_argument('--only', nargs='+', choices=PARTS, default=list(PARTS), metavar='PART', help=', '.join(PARTS))
    parser.add_argument('--part', choices=PARTS, help=argparse.SUPPRESS)  # run this one here
    args = parser.parse_args()
    if args.device.startswith('cuda') and not torch.cuda.is_available():
        parser.error('--device cuda, but PyTorch sees no GPU here')
    return args


def facts(args: argparse.Namespace) -> dict[str, Any]:
    """What the numbers were measured on."""
    gpu = args.device.startswith('cuda')
    found = dict(
        date=time.strftime('%Y-%m-%d'),
        device=torch.cuda.get_device_name(args.device) if gpu else f'CPU, {torch.get_num_threads()} threads',
        python=platform.python_version(),
        torch=torch.__version__,
        torchvision=torchvision.__version__,
        cuda=torch.version.cuda,
    )
    if gpu:
        properties = torch.cuda.get_device_properties(args.device)
        found.update(memory_gib=properties.total_memory / 2**30, capability=f'{properties.major}.{properties.minor}')
    return {**found, 'tiny': args.tiny}


def run_part(name: str, args: argparse.Namespace, seconds: float) -> dict[str, Any]:
    """Numbers of a part, or ``error``; with the seconds that it took."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, 'part.json')
        command = [sys.executable, __file__, '--part', name, '--device', args.device, '--out', str(target)]
        command += ['--tiny'] * args.tiny + (['--data', str(args.data)] if args.data else [])
        try:
            code = subprocess.run(command, timeout=max(seconds, 1)).returncode
        except subprocess.TimeoutExpired:
            result: dict[str, Any] = {'error': f'not done within {seconds:.0f} s'}
        else:
            failed = {'error': f'its process ended with {code}, see the output'}
            result = json.loads(target.read_text()) if code == 0 and target.is_file() else failed
    return {**result, 'seconds': time.monotonic() - start}


def report(content: dict[str, Any]) -> str:
    """The table: Markdown."""
    given = content['facts']
    lines = [f'# {given["device"]}', '', ', '.join(f'{k} {_number(v)}' for k, v in given.items() if v is not None), '']
    for name, part in content['parts'].items():
        lines += [f'## {name}, {part["seconds"]:.0f} s', '']
        if 'error' in part:
            lines += [f'**Failed: {part["error"]}**', '']
        if rows := part.get('rows'):
            columns = list(dict.fromkeys(key for row in rows for key in row))
            lines += [_line(columns), _line(['---'] * len(columns))]
            lines += [_line([_number(row.get(column)) for column in columns]) for row in rows]
            lines.append('')
    return '\n'.join(lines)


def _line(cells: list[str]) -> str:
    return f'| {" | ".join(cells)} |'


def _number(value: Any) -> str:
    if value is None:
        return '-'
    return f'{value:.4g}' if isinstance(value, float) else str(value)


def write(content: dict[str, Any], folder: Path) -> None:
    """Both files, whole at any moment."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (('gpu.json', json.dumps(content, indent=2) + '\n'), ('gpu.md', report(content))):
        with replacing(folder / name) as temporary:
            temporary.write_text(text, encoding='utf-8')


def main() -> int:
    """Run the parts; gives 1 if one failed."""
    args = parse_args()
    if args.part:
        rows = PARTS[args.part](args)
        args.out.write_text(json.dumps({'rows': rows}))
        return 0
    end = time.monotonic() + args.minutes * 60
    content: dict[str, Any] = {'facts': facts(args), 'parts': {}}
    for name in args.only:
        print(f'\n=== {name}', flush=True)
        content['parts'][name] = run_part(name, args, min(LIMITS[name], end - time.monotonic()))
        write(content, args.out)
    print(f'\n{report(content)}\nwritten: {args.out}/gpu.json, {args.out}/gpu.md')
    return int(any('error' in part for part in content['parts'].values()))


if __name__ == '__main__':
    sys.exit(main())
