import asyncio
import socket

import pytest
import uvicorn

from mmrotate.serve import server


async def answer(scope, receive, send):
    await send({'type': 'http.response.start', 'status': 200, 'headers': [(b'content-length', b'2')]})
    await send({'type': 'http.response.body', 'body': b'ok'})


HEAD = b'GET / HTTP/1.1\r\nHost: x\r\n'


@pytest.mark.parametrize(
    ('sent', 'answered'),
    [([], 0), ([HEAD], 0), ([HEAD + b'\r\n', HEAD], 1)],
    ids=['nothing', 'half a head', 'half a second head'],
)
def test_a_head_that_does_not_come_ends_the_connection(monkeypatch, sent, answered):
    monkeypatch.setattr(server, '_HEAD_SECONDS', 0.2)

    async def run():
        config = uvicorn.Config(answer, http=server._Connection, ws='none', lifespan='off', log_level='error')
        config.load()
        listening = socket.create_server(('127.0.0.1', 0))
        serving = uvicorn.Server(config)
        serving.install_signal_handlers = lambda: None
        task = asyncio.ensure_future(serving.serve([listening]))
        while not serving.started:
            await asyncio.sleep(0.01)
        reader, writer = await asyncio.open_connection(*listening.getsockname())
        for part in sent:
            writer.write(part)
            await asyncio.sleep(0.1)
        said = await asyncio.wait_for(reader.read(), 4)  # to the end: the server closes
        writer.close()
        serving.should_exit = True
        await task
        return said

    assert asyncio.run(run()).count(b'200 OK') == answered
