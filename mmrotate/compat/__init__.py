"""The past, in one room: the module paths and names of MMRotate 0.3, answered by what stands today.

No other room knows of them. The tables cost nothing until a name of theirs is asked for. ``install()`` lets stand-ins
answer for mmcv and mmdet, too, as the key ``custom_imports`` of a config does.
"""

from mmrotate.compat.standins import install
