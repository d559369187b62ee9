"""``mmrotate split`` as a script: ``python tools/data/dota/split/img_split.py --base-json CONFIG ...``."""

import sys

from mmrotate.cli.split import main

if __name__ == '__main__':
    sys.exit(main())
