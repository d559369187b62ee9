"""The forms of answers, as the OpenAPI page describes them."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field

from mmrotate.apis.results import image_entry
from mmrotate.core.evaluation import finite_results
from mmrotate.serve.models import ServedModel
from mmrotate.serve.service import Answer

Box = list[float]


class Detection(BaseModel):
    """An object."""

    label: str
    label_id: int
    score: float
    rbox: Box = Field(description='cx, cy, w, h in pixels of the image, theta in radians, clockwise on the screen')
    polygon: list[Box] = Field(description='the four corners (x, y)')


class ImageDetections(BaseModel):
    """The objects of an image, by falling score."""

    image: str
    width: int
    height: int
    detections: list[Detection]


class Detections(BaseModel):
    """Answer of ``/v1/detect``."""

    model: str
    version: str
    classes: list[str]
    images: list[ImageDetections]


class Served(BaseModel):
    """A model that can be asked."""

    name: str
    version: str
    classes: list[str]
    device: str
    source: str


class TorchServeDetection(BaseModel):
    """An object as the handler of MMRotate 0.3 names it."""

    class_name: str
    bbox: Box = Field(description='cx, cy, w, h in pixels of the image, theta in radians, clockwise on the screen')
    score: float


class Failure(BaseModel):
    """Why a request was not answered."""

    code: int
    type: str
    message: str


def describe(model: ServedModel) -> dict[str, Any]:
    """``Served`` of a model."""
    given = {'name': model.name, 'version': model.version, 'classes': list(model.classes)}
    return {**given, 'device': model.device, 'source': model.source}


def rich(model: ServedModel, answers: Sequence[Answer], score_thr: float) -> dict[str, Any]:
    """``Detections`` of the images of a request."""
    images = []
    for answer in answers:
        (result,) = finite_results([answer.result])
        entry = image_entry(answer.name, result, model.classes, score_thr)
        images.append({'image': answer.name, 'width': answer.width, 'height': answer.height, **entry})
    return {'model': model.name, 'version': model.version, 'classes': list(model.classes), 'images': images}
