"""Objects of videos under numbers of their own: association by rotated IoU, and states that know the angle."""

from .counting import Line, Zone
from .motion import CameraMotion
from .tracker import BOTSORT, BYTETRACK, OCSORT, TRACKERS, Style, Tracker, Tracks
