"""``mmrotate analyze results`` as a script."""

import sys

from mmrotate.cli.analyze import main

sys.exit(main(['results', *sys.argv[1:]]))
