"""async_inference_detector, and the streams that its tasks take."""

import asyncio
import threading

import numpy as np
import pytest

from mmrotate.apis import async_inference_detector, inference_detector, init_detector
from mmrotate.utils.contextmanagers import concurrent, on_stream
from tests.helpers.configs import retinanet
from tests.helpers.tiny import CONFIG, write_data


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp('async')
    write_data(folder / 'data')
    config = folder / 'a.py'
    config.write_text(CONFIG.format(data=str(folder / 'data')) + f'model = {retinanet("le90")!r}\n')
    return init_detector(
        config, device='cpu', cfg_options={'model.test_cfg.score_thr': 0.0, 'model.bbox_head.num_classes': 2}
    )


@pytest.fixture(scope='module')
def images():
    return list(np.random.default_rng(0).integers(0, 255, (3, 64, 64, 3), dtype=np.uint8))


def same(result, other):
    return all(map(np.array_equal, result, other))


def test_it_gives_what_inference_detector_gives(model, images):
    one = asyncio.run(async_inference_detector(model, images[0]))
    assert same(one, inference_detector(model, images[0]))
    assert sum(map(len, one)) > 0
    several = asyncio.run(async_inference_detector(model, images))
    assert all(map(same, several, inference_detector(model, images)))


def test_two_run_at_once_and_the_loop_goes_on(model, images, monkeypatch):
    meeting = threading.Barrier(2, timeout=20)
    through = model.aforward_test

    async def test(**batch):
        meeting.wait()  # broken unless another is here at the same time
        return await through(**batch)

    monkeypatch.setattr(model, 'aforward_test', test)

    async def program():
        tasks = [asyncio.create_task(async_inference_detector(model, image)) for image in images[:2]]
        return await asyncio.gather(*tasks)

    assert len(asyncio.run(program())) == 2


def test_as_many_tasks_as_streams_are_inside(model, images):
    inside, most = 0, 0

    async def task(queue, image):
        nonlocal inside, most
        async with concurrent(queue):
            inside += 1
            most = max(most, inside)
            result = await async_inference_detector(model, image)
            inside -= 1
        return result

    async def program():
        queue = asyncio.Queue()
        for _ in range(2):
            queue.put_nowait(None)  # no GPU: no stream
        results = await asyncio.gather(*(task(queue, image) for image in images * 2))
        assert queue.qsize() == 2
        return results

    results = asyncio.run(program())
    assert most == 2
    assert all(map(same, results, map(inference_detector, [model] * 6, images * 2)))


def test_each_task_works_on_its_own_stream(monkeypatch):
    used, lock = [], threading.Lock()

    class Stream:
        def __enter__(self):
            with lock:
                used.append(self)

        def __exit__(self, *error):
            pass

        def synchronize(self):
            pass

    monkeypatch.setattr('torch.cuda.stream', lambda stream: stream)

    def work():
        with on_stream():
            pass

    async def task(queue):
        async with concurrent(queue):
            await asyncio.to_thread(work)

    async def program(streams):
        queue = asyncio.Queue()
        for stream in streams:
            queue.put_nowait(stream)
        await asyncio.gather(task(queue), task(queue))

    streams = [Stream(), Stream()]
    asyncio.run(program(streams))
    assert set(used) == set(streams)


def test_it_can_be_switched_off_or_given_a_stream():
    async def program():
        queue = asyncio.Queue()  # empty: taking from it would wait for ever
        async with concurrent(queue, enabled=False):
            pass
        async with concurrent(queue, stream='mine'):
            pass
        return queue.qsize()

    assert asyncio.run(program()) == 0


def test_a_stream_is_given_back_after_an_error():
    async def program():
        queue = asyncio.Queue()
        queue.put_nowait('stream')
        with pytest.raises(ZeroDivisionError):
            async with concurrent(queue):
                raise ZeroDivisionError
        return queue.get_nowait()

    assert asyncio.run(program()) == 'stream'
