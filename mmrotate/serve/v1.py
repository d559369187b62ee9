"""The server's own paths: ``/v1/detect`` and ``/v1/models``."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from mmrotate.serve.answers import Detections, Failure, Served, describe, rich
from mmrotate.serve.limits import RequestError
from mmrotate.serve.requests import WAYS, read_images, while_connected
from mmrotate.serve.service import Service

router = APIRouter(prefix='/v1', tags=['detect'])
Score = Annotated[float, Query(ge=0, le=1, description='lowest score of a detection')]
FAILURES: dict[int | str, dict[str, Any]] = {
    400: {'model': Failure, 'description': 'No image, or a damaged one'},
    404: {'model': Failure, 'description': 'No such model'},
    408: {'model': Failure, 'description': 'The request came too slowly'},
    413: {'model': Failure, 'description': 'Too many bytes, pixels or images'},
    503: {'model': Failure, 'description': 'Too many images wait: try again later'},
    504: {'model': Failure, 'description': 'No answer in time'},
}
_BINARY = {'schema': {'type': 'string', 'format': 'binary'}}
_FORM = {'type': 'object', 'properties': {'file': {'type': 'string', 'format': 'binary'}}}
_JSON = {'type': 'object', 'example': {'image': 'iVBORw0KGgo...'}}
BODY: dict[str, Any] = {
    'requestBody': {
        'required': True,
        'description': WAYS,
        'content': {
            'image/*': _BINARY,
            'multipart/form-data': {'schema': _FORM},
            'application/json': {'schema': _JSON},
        },
    }
}


def service_of(request: Request) -> Service:
    """The models that the application was made with."""
    return request.app.state.service


@router.post('/detect', summary='Objects of images', response_model=Detections, responses=FAILURES, openapi_extra=BODY)
async def detect(
    request: Request,
    model: Annotated[str | None, Query(description='name of the model; by default the first')] = None,
    score_thr: Score = 0.3,
) -> JSONResponse:
    """Find rotated objects in one image or several."""
    if unknown := sorted(set(request.query_params) - {'model', 'score_thr'}):
        raise RequestError(400, f'{", ".join(unknown)[:200]} is no option: there are model and score_thr')
    service = service_of(request)
    asked = service.model(model)
    images = await read_images(request, service.limits)
    answers = await while_connected(request, service.detect(asked, images))
    answer = rich(asked, answers, score_thr)
    service.metrics.add(
        'mmrotate_detections_total', sum(len(one['detections']) for one in answer['images']), model=asked.name
    )
    return JSONResponse(answer)


@router.get('/models', summary='The models that can be asked', response_model=list[Served])
async def models(request: Request) -> list[dict[str, Any]]:
    """Names, classes and devices."""
    return [describe(model) for model in service_of(request).models.values()]
