"""What a user's data is: its format, its parts and its classes, found by what the files hold."""

from .recognise import recognise
from .source import ALL, Source, SourceError
