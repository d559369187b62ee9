"""Processes that serve: their models, sockets and time limits."""

import asyncio
import contextlib
import json
import os
import socket
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from mmrotate.apis import init_detector
from mmrotate.serve.app import create_app
from mmrotate.serve.limits import Limits
from mmrotate.serve.models import ServedModel
from mmrotate.utils import UserError

_VARIABLE = 'MMROTATE_SERVE'  # workers learn from it what to serve
_HEAD_SECONDS = 10.0
_START_SECONDS = 600  # a worker that is still loading its models answers nobody


@dataclass(frozen=True)
class ModelFiles:
    """A model to serve: its name, config, checkpoint and version."""

    name: str
    config: str
    checkpoint: str
    version: str = '1.0'


@dataclass(frozen=True)
class Setup:
    """What to serve, and where.

    Attributes:
        models: At least one.
        options: Values for their configs, keys with dots.
        workers: Processes; each holds all models.
        ports: Each answers all paths; one for several workers.
        connections: How many clients may be connected to a process; others are told to come later (503).
    """

    models: tuple[ModelFiles, ...]
    device: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    host: str = '127.0.0.1'
    ports: tuple[int, ...] = (8080,)
    workers: int = 1
    connections: int = 128
    limits: Limits = field(default_factory=Limits)


def load(setup: Setup) -> list[ServedModel]:
    """The models.

    Raises:
        UserError: One cannot be loaded.
    """
    return [
        ServedModel(
            one.name,
            init_detector(one.config, one.checkpoint, setup.device, setup.options or None),
            os.path.basename(one.checkpoint),
            one.version,
        )
        for one in setup.models
    ]


def run(setup: Setup) -> None:
    """Serve until the process is told to stop; what is in work is finished then."""
    models = load(setup)  # also where workers load them anew: what is wrong is said once, here
    options: dict[str, Any] = dict(
        http=_Connection,
        ws='none',
        limit_concurrency=setup.connections,
        timeout_graceful_shutdown=round(setup.limits.timeout),
        timeout_worker_healthcheck=_START_SECONDS,
    )
    if setup.workers > 1:
        del models
        os.environ[_VARIABLE] = json.dumps(asdict(setup))
        options |= dict(host=setup.host, port=setup.ports[0], workers=setup.workers)
        uvicorn.run(f'{__name__}:worker_app', factory=True, **options)
        return
    sockets = [_listen(setup.host, port) for port in setup.ports]
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(uvicorn.Config(create_app(models, setup.limits), **options)).run(sockets)


def _listen(host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        listening = socket.create_server((host, port), family=found[0][0])
    except OSError as error:
        raise UserError(f'{host}:{port} cannot be listened at: {error.strerror or error}') from error
    print(f'listening at http://{host}:{listening.getsockname()[1]}/', flush=True)
    return listening


def worker_app() -> FastAPI:
    """The application of one of several processes."""
    values = json.loads(os.environ[_VARIABLE])
    limits = Limits(**{**values['limits'], 'hosts': tuple(values['limits']['hosts'])})
    models = tuple(ModelFiles(**one) for one in values['models'])
    setup = Setup(**{**values, 'models': models, 'limits': limits})
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // setup.workers))
    return create_app(load(setup), limits)


class _Connection(H11Protocol):
    """A connection that is closed when the head of a request does not come whole in time."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._cancel()

    def _watch(self) -> None:
        if not self._between():
            self._cancel()
        elif self._timer is None:
            self._timer = self.loop.call_later(_HEAD_SECONDS, self._close)

    def _between(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close(self) -> None:
        self._timer = None
        if self._between():
            self.transport.close()
