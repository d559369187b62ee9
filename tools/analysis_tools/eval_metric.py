"""``mmrotate analyze eval`` as a script."""

import sys

from mmrotate.cli.analyze import main

sys.exit(main(['eval', *sys.argv[1:]]))
