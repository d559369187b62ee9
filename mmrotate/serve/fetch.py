"""Images by address: of hosts that the server's owner named, and never of the inner network."""

import http.client
import ipaddress
import socket
import time
from typing import Any
from urllib.parse import SplitResult, urlsplit

from mmrotate.serve.limits import Limits, RequestError

_CHUNK = 1 << 16
_SECONDS = 10.0


def fetch(url: str, limits: Limits) -> bytes:
    """The file at an ``http(s)://`` address.

    The host's name is looked up once, and what was found to be public is what is connected to: a second answer of the
    name server cannot lead elsewhere. Redirects are not followed.

    Raises:
        RequestError: The address may not be asked (403), or gives no file (400), or one that is too large (413).
    """
    parts = _allowed(url, limits)
    port = parts.port or (443 if parts.scheme == 'https' else 80)
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
        addresses = [str(entry[4][0]) for entry in found]
        if not all(map(is_public, addresses)):
            raise RequestError(403, f'{parts.hostname} is a host of an inner network: it is not asked')
        return _read(parts, port, addresses[0], limits.body)
    except (OSError, http.client.HTTPException) as error:
        raise RequestError(400, f'{url} cannot be fetched: {error}') from None


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet."""
    return ipaddress.ip_address(address.partition('%')[0]).is_global


def _allowed(url: str, limits: Limits) -> SplitResult:
    try:
        parts = urlsplit(url)
        known = parts.scheme in ('http', 'https') and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        known = False
    if not known:
        raise RequestError(400, f'{url[:200]!r} is no address that begins with http:// or https://')
    if parts.hostname not in limits.hosts:
        text = f'images of {parts.hostname} are not fetched: this server fetches '
        text += f'those of {", ".join(limits.hosts)}' if limits.hosts else 'none by address; send the image itself'
        raise RequestError(403, text)
    return parts


def _read(parts: SplitResult, port: int, address: str, most: int) -> bytes:
    kind: Any = http.client.HTTPSConnection if parts.scheme == 'https' else http.client.HTTPConnection
    connection = kind(parts.hostname, port, timeout=_SECONDS)
    # the name stays for the certificate and the Host header, the address is the one that was looked at
    connection._create_connection = lambda _, *rest: socket.create_connection((address, port), *rest)
    end, data = time.monotonic() + _SECONDS, bytearray()
    try:
        connection.request('GET', (parts.path or '/') + (f'?{parts.query}' if parts.query else ''))
        answer = connection.getresponse()
        if answer.status != 200:
            raise RequestError(400, f'{parts.geturl()} answers {answer.status} {answer.reason}')
        while chunk := answer.read1(_CHUNK):
            data += chunk
            if len(data) > most:
                raise RequestError(413, f'the file at {parts.geturl()} has more than {most} bytes')
            if time.monotonic() > end:
                raise RequestError(400, f'{parts.geturl()} takes longer than {_SECONDS:g} s')
    finally:
        connection.close()
    return bytes(data)
