"""``mmrotate analyze logs`` as a script."""

import sys

from mmrotate.cli.analyze import main

sys.exit(main(['logs', *sys.argv[1:]]))
