"""What a request holds: images as bytes, in any of the ways that clients send them."""

import asyncio
import base64
import binascii
import json
from collections.abc import AsyncGenerator, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from mmrotate.serve.limits import Limits, RequestError

T = TypeVar('T')
WAYS = (
    'send the bytes of an image file as the body, as a file of a form (multipart/form-data), or as JSON: '
    '{"image": BASE64}, {"images": [BASE64, ...]} or {"url": ADDRESS}'
)
_CODED = ('image', 'data', 'body', 'b64')


@dataclass(frozen=True)
class Sent:
    """An image of a request: its name for messages, and its bytes or its address."""

    name: str
    data: bytes | None = None
    url: str | None = None


async def read_images(request: Request, limits: Limits) -> list[Sent]:
    """The images of a request, in its order.

    Raises:
        RequestError: It holds none, or more than may be.
    """
    body = await _read_body(request, limits)
    kind = request.headers.get('content-type', '').partition(';')[0].strip().lower()
    if kind == 'multipart/form-data':
        sent = await _of_form(request, body, limits)
    elif kind == 'application/json' or kind.endswith('+json'):
        sent = _of_json(body)
    else:  # curl --data-binary calls an image a form
        sent = [Sent('the image', body)]
    if not 0 < len(sent) <= limits.images:
        raise RequestError(413 if sent else 400, f'{len(sent)} images, 1 to {limits.images} are taken: {WAYS}')
    return sent


async def while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What ``work`` gives; it is cancelled when the client leaves."""
    task, gone = asyncio.ensure_future(work), asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return await task
        raise RequestError(400, 'the client left')
    finally:
        for one in (task, gone):
            one.cancel()


async def _left(request: Request) -> None:
    while (await request.receive())['type'] != 'http.disconnect':
        pass


async def _read_body(request: Request, limits: Limits) -> bytes:
    """The body, never more than may be."""
    text = f'at most {limits.body} bytes are taken'
    length = request.headers.get('content-length', '')
    if length.isdigit() and int(length) > limits.body:
        raise RequestError(413, f'a body of {length} bytes, {text}')
    body = bytearray()

    async def read() -> None:
        async for chunk in request.stream():
            body.extend(chunk)
            if len(body) > limits.body:
                raise RequestError(413, f'a body of more than {limits.body} bytes, {text}')

    try:
        await asyncio.wait_for(read(), limits.upload)
    except asyncio.TimeoutError:
        raise RequestError(408, f'only {len(body)} bytes came within {limits.upload:g} s') from None
    except ClientDisconnect:
        raise RequestError(400, f'the client left after {len(body)} bytes') from None
    return bytes(body)


async def _of_form(request: Request, body: bytes, limits: Limits) -> list[Sent]:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield body
        yield b''

    parser = MultiPartParser(request.headers, stream(), max_files=limits.images + 1, max_part_size=limits.body)
    parser.spool_max_size = limits.body + 1  # nothing goes to the disk
    try:
        form = await parser.parse()
    except (MultiPartException, ValueError, KeyError, LookupError) as error:
        raise RequestError(400, f'the form cannot be read: {error}') from None
    sent = []
    for field, value in form.multi_items():
        if isinstance(value, UploadFile):
            sent.append(Sent(value.filename or field, await value.read()))
        else:
            sent += _of_entry({field: value}, f'the field {field[:80]!r} of the form')
    return sent


def _of_json(body: bytes) -> list[Sent]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RequestError(400, f'the body is no JSON: {error}') from None
    if isinstance(value, dict) and len(value) == 1:
        key, inner = next(iter(value.items()))
        if key in ('images', 'urls', 'instances') and isinstance(inner, list):
            single = {'images': 'image', 'urls': 'url'}
            entries = [{single[key]: one} if key in single and isinstance(one, str) else one for one in inner]
            return [sent for i, entry in enumerate(entries) for sent in _of_entry(entry, f'{key}[{i}]')]
    return _of_entry(value, 'the body')


def _of_entry(entry: Any, name: str) -> list[Sent]:
    """The image of ``{"image": BASE64}`` or ``{"url": ADDRESS}``."""
    key, value = next(iter(entry.items())) if isinstance(entry, dict) and len(entry) == 1 else (None, None)
    if key == 'url' and isinstance(value, str):
        return [Sent(value[:200], url=value)]
    if key not in _CODED or not isinstance(value, str):
        raise RequestError(400, f'{name} holds no image: {WAYS}')
    head, comma, coded = value.partition(',')
    coded = coded if comma and head.startswith('data:') else value
    try:
        return [Sent(name, base64.b64decode(''.join(coded.split()), validate=True))]
    except (binascii.Error, ValueError) as error:
        raise RequestError(400, f'{name} is no base64: {error}') from None
