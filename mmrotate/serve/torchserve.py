"""TorchServe's paths and answers, so that its clients go on (its own development has ended)."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from mmrotate.apis.results import torchserve_detections
from mmrotate.serve.answers import TorchServeDetection
from mmrotate.serve.limits import RequestError
from mmrotate.serve.requests import read_images, while_connected
from mmrotate.serve.v1 import BODY, FAILURES, Score, service_of

SCORE_THR = 0.5  # of the handler of MMRotate 0.3
router = APIRouter(tags=['TorchServe'])
_PREDICTION: dict[str, Any] = dict(
    summary='Objects of an image', response_model=list[TorchServeDetection], responses=FAILURES, openapi_extra=BODY
)


@router.get('/ping', summary='Whether requests are taken')
async def ping(request: Request) -> JSONResponse:
    """As TorchServe's health check."""
    ready = service_of(request).ready
    return JSONResponse({'status': 'Healthy' if ready else 'Unhealthy'}, 200 if ready else 503)


@router.get('/models', summary='Names of the models')
async def models(request: Request) -> dict[str, list[dict[str, str]]]:
    """As the management interface lists them."""
    served = service_of(request).models.values()
    return {'models': [{'modelName': model.name, 'modelUrl': model.source} for model in served]}


@router.get('/models/{name}', summary='What is known of a model', responses={404: FAILURES[404]})
async def model(request: Request, name: str) -> list[dict[str, Any]]:
    """As the management interface describes it, as far as it makes sense here."""
    service = service_of(request)
    found = service.model(name)
    batches = {'batchSize': service.limits.batch, 'maxBatchDelay': round(1000 * service.limits.wait)}
    names = {'modelName': found.name, 'modelVersion': found.version, 'modelUrl': found.source}
    return [{**names, 'runtime': 'python', 'minWorkers': 1, 'maxWorkers': 1, **batches, 'loadedAtStartup': True}]


async def predict(request: Request, name: str, score_thr: Score = SCORE_THR) -> JSONResponse:
    """Find rotated objects in an image."""
    return await _predict(request, name, None, score_thr)


async def predict_version(request: Request, name: str, version: str, score_thr: Score = SCORE_THR) -> JSONResponse:
    """Find rotated objects in an image by one version of a model."""
    return await _predict(request, name, version, score_thr)


for path, function in (('/predictions/{name}', predict), ('/predictions/{name}/{version}', predict_version)):
    router.add_api_route(path, function, methods=['POST'], **_PREDICTION)
    router.add_api_route(path, function, methods=['PUT'], include_in_schema=False)  # as curl -T does


async def _predict(request: Request, name: str, version: str | None, score_thr: float) -> JSONResponse:
    service = service_of(request)
    asked = service.model(name, version)
    images = await read_images(request, service.limits)
    if len(images) > 1:
        raise RequestError(400, f'{len(images)} images: /predictions takes one, /v1/detect several')
    (answer,) = await while_connected(request, service.detect(asked, images))
    found = torchserve_detections(answer.result, asked.classes, score_thr)
    service.metrics.add('mmrotate_detections_total', len(found), model=asked.name)
    return JSONResponse(found)
