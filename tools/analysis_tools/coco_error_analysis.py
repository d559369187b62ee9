"""``mmrotate analyze errors`` as a script."""

import sys

from mmrotate.cli.analyze import main

sys.exit(main(['errors', *sys.argv[1:]]))
