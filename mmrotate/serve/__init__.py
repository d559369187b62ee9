"""Detectors over HTTP: batches, limits, TorchServe's paths, a page (extra ``serve``)."""

from .app import create_app
from .limits import Limits
from .models import ServedModel
