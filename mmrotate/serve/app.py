"""The application: its paths, and what happens around each request."""

import contextlib
import logging
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import mmrotate
from mmrotate.serve import torchserve, v1
from mmrotate.serve.limits import Limits, RequestError
from mmrotate.serve.models import ServedModel
from mmrotate.serve.service import Service

_PAGES = {'/': Path(__file__).with_name('page.html'), '/docs': Path(__file__).with_name('api.html')}
_DESCRIPTION = (
    'Rotated object detection. Images come as the body, as files of a form, or as JSON in base64; '
    'what is not taken is answered with a status from 400 on and a message that says why.'
)


def create_app(models: Sequence[ServedModel], limits: Limits | None = None) -> FastAPI:
    """An ASGI application that answers with the detections of ``models``.

    Args:
        models: Models of different names; the first answers where a request names none.
        limits: What clients may ask for.
    """
    service = Service(models, limits or Limits())

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await service.start()
        try:
            yield
        finally:
            await service.stop()

    # the pages that FastAPI brings are loaded from elsewhere on the internet
    app = FastAPI(
        title='mmrotate',
        version=mmrotate.__version__,
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.service = service
    app.include_router(v1.router)
    app.include_router(torchserve.router)
    _add_own_paths(app, service)
    for kind in (RequestError, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, _explain)
    app.add_middleware(_Counted, service=service)
    return app


def _add_own_paths(app: FastAPI, service: Service) -> None:
    @app.get('/', include_in_schema=False)
    @app.get('/docs', include_in_schema=False)
    async def page(request: Request) -> HTMLResponse:
        return HTMLResponse(_PAGES[request.scope['route'].path].read_text(encoding='utf-8'))

    @app.get('/health', tags=['state'], summary='Whether the process lives')
    async def health() -> dict[str, str]:
        return {'status': 'alive'}

    @app.get('/ready', tags=['state'], summary='Whether requests are taken (else 503)')
    async def ready() -> JSONResponse:
        return JSONResponse({'ready': service.ready}, 200 if service.ready else 503)

    @app.get('/metrics', tags=['state'], summary='Numbers for Prometheus', response_class=PlainTextResponse)
    async def metrics() -> PlainTextResponse:
        return PlainTextResponse(service.metrics_text(), media_type='text/plain; version=0.0.4')


async def _explain(request: Request, error: Exception) -> JSONResponse:
    """Every failure in one form, that of TorchServe."""
    if isinstance(error, HTTPException):
        error = RequestError(error.status_code, f'{error.detail}: {request.method} {request.url.path[:200]}')
    elif isinstance(error, RequestValidationError):
        said = '; '.join(f'{".".join(map(str, one["loc"]))}: {one["msg"]}' for one in error.errors())
        error = RequestError(400, said)
    elif not isinstance(error, RequestError):
        logging.getLogger('mmrotate').error('a request failed', exc_info=error)
        error = RequestError(500, 'the server failed; its log says more')
    answer: dict[str, Any] = {'code': error.status, 'type': error.kind, 'message': str(error)}
    return JSONResponse(answer, error.status, {'Retry-After': '1'} if error.status == 503 else None)


class _Counted:
    """Counts requests by path and status, and their seconds."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app, self._metrics = app, service.metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope['type'] != 'http':
            await self._app(scope, receive, send)
            return
        start, status = time.perf_counter(), 500

        async def watch(message: Message) -> None:
            nonlocal status
            status = message.get('status', status)
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            path = getattr(scope.get('route'), 'path', 'other')  # names of models and typing errors are no labels
            self._metrics.add('mmrotate_requests_total', path=path, status=str(status))
            self._metrics.observe('mmrotate_request_seconds', time.perf_counter() - start, path=path)
