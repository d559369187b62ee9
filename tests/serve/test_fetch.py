import socket

import pytest

from mmrotate.serve import fetch as module
from mmrotate.serve.fetch import fetch, is_public
from mmrotate.serve.limits import Limits, RequestError
from tests.helpers.server import serving

LIMITS = Limits(hosts=('images.example', '127.0.0.1', 'localhost'), body=1000)


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A server that stands for ``images.example``, a host of the open internet."""
    (tmp_path / 'a.png').write_bytes(b'x' * 900)
    (tmp_path / 'large.png').write_bytes(b'x' * 1001)
    with serving(tmp_path) as server:
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, '', ('127.0.0.1', server.server_port))]
        monkeypatch.setattr(module.socket, 'getaddrinfo', lambda *args, **kwargs: found)
        monkeypatch.setattr(module, 'is_public', lambda address: address == '127.0.0.1')
        server.url = f'http://images.example:{server.server_port}'
        yield server


def test_a_file_of_a_host_that_is_allowed(server):
    assert fetch(f'{server.url}/a.png?size=1', LIMITS) == b'x' * 900
    assert server.asked[0][0] == '/a.png?size=1'


@pytest.mark.parametrize(
    ('name', 'status', 'text'), [('large.png', 413, 'more than 1000 bytes'), ('none.png', 400, 'answers 404')]
)
def test_what_does_not_come(server, name, status, text):
    with pytest.raises(RequestError, match=text) as raised:
        fetch(f'{server.url}/{name}', LIMITS)
    assert raised.value.status == status


def test_a_redirect_is_not_followed(server):
    server.status = 302
    with pytest.raises(RequestError, match='answers 302'):
        fetch(f'{server.url}/a.png', LIMITS)


@pytest.mark.parametrize(
    ('url', 'status'),
    [
        ('http://127.0.0.1/a.png', 403),  # allowed by name, but of the inner network
        ('http://localhost:1/a.png', 403),
        ('http://other.example/a.png', 403),
        ('http://images.example@other.example/a.png', 403),
        ('ftp://images.example/a.png', 400),
        ('file:///etc/passwd', 400),
        ('http://', 400),
        ('http://images.example:99999/', 400),
        ('http://[images.example/', 400),
        ('a.png', 400),
    ],
)
def test_what_is_not_asked(url, status):
    with pytest.raises(RequestError) as raised:
        fetch(url, LIMITS)
    assert raised.value.status == status


@pytest.mark.parametrize(
    ('address', 'public'),
    [
        ('93.184.216.34', True),
        ('2606:2800:220:1::1', True),
        ('10.0.0.1', False),
        ('172.16.3.4', False),
        ('192.168.1.1', False),
        ('169.254.169.254', False),
        ('127.0.0.53', False),
        ('0.0.0.0', False),
        ('100.64.0.1', False),
        ('::1', False),
        ('fe80::1%eth0', False),
        ('fd00::1', False),
        ('::ffff:10.0.0.1', False),
    ],
)
def test_addresses_of_inner_networks(address, public):
    assert is_public(address) is public
