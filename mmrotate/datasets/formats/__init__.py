"""Label formats: a reader each, which gives the entries of a file; :mod:`.record` checks what they hold, for all."""

from .dota import read_dota
from .hrsc import read_hrsc
from .middle import load_data, load_middle, read_middle
from .record import ClassNames, Entry, EntryError, LabelError, Labels, Reader, pack_labels, read_labels
