"""``mmrotate analyze confusion`` as a script."""

import sys

from mmrotate.cli.analyze import main

sys.exit(main(['confusion', *sys.argv[1:]]))
