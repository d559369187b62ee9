"""What a server takes from its clients, and the answer to what it does not take."""

from dataclasses import dataclass

_MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Bounds of what clients may ask for; safe on an open network but for ``hosts``, which is empty.

    Attributes:
        body: Bytes of a request.
        pixels: Pixels of an image, known from its header before anything is unpacked.
        images: Images of one request.
        queue: Images of a model that may wait; who comes later is told to try again (503).
        batch: Images that go through the detector at once.
        wait: Seconds that the first image of a batch waits for others.
        timeout: Seconds until an image must be answered (504).
        upload: Seconds that a client may take to send its request (408).
        hosts: Names of hosts from which images are fetched by address; never internal ones.
    """

    body: int = 20 * _MIB
    pixels: int = 50_000_000
    images: int = 16
    queue: int = 64
    batch: int = 8
    wait: float = 0.005
    timeout: float = 60.0
    upload: float = 30.0
    hosts: tuple[str, ...] = ()


class RequestError(Exception):
    """A request that is not answered as it wished.

    Args:
        status: The HTTP status.
        message: What was given, what is expected.
        kind: What TorchServe calls such an error; by default what it calls most of that status.
    """

    def __init__(self, status: int, message: str, kind: str | None = None) -> None:
        super().__init__(message)
        self.status, self.kind = status, kind or _KINDS.get(status, 'BadRequestException')


_KINDS = {
    404: 'ResourceNotFoundException',
    405: 'MethodNotAllowedException',
    408: 'RequestTimeoutException',
    413: 'RequestEntityTooLargeException',
    500: 'InternalServerException',
    503: 'ServiceUnavailableException',
    504: 'RequestTimeoutException',
}
