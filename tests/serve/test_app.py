import base64
import io
import json

import cv2
import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from benchmarks.serve import png
from mmrotate.apis import inference_detector, init_detector
from mmrotate.serve import Limits, ServedModel, create_app
from mmrotate.utils import UserError
from tests.helpers.tiny import CLASSES, write_config

LIMITS = Limits(body=300_000, pixels=200_000, images=3, hosts=())


@pytest.fixture(scope='module')
def served(tmp_path_factory):
    """Client, detector, bytes of an image, and what the detector finds in it."""
    folder = tmp_path_factory.mktemp('served')
    model = init_detector(str(write_config(folder)), device='cpu')
    data = (folder / 'data' / 'images' / 'img0.png').read_bytes()
    expected = inference_detector(model, cv2.imdecode(np.frombuffer(data, np.uint8), 1))
    app = create_app([ServedModel('tiny', model, 'tiny.pth'), ServedModel('other', model)], LIMITS)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client, data, expected


def as_rows(expected):
    return [(CLASSES[label], box) for label, boxes in enumerate(expected) for box in boxes if box[5] >= 0.5]


def coded(data):
    return base64.b64encode(data).decode()


WAYS = {
    'body': lambda data: dict(content=data),
    'curl --data-binary': lambda data: dict(
        content=data, headers={'content-type': 'application/x-www-form-urlencoded'}
    ),
    'form': lambda data: dict(files={'data': ('a.png', data)}),
    'base64': lambda data: dict(json={'image': coded(data)}),
    'row of TorchServe': lambda data: dict(json={'data': coded(data)}),
    'data address': lambda data: dict(json={'image': f'data:image/png;base64,{coded(data)}'}),
    'instances': lambda data: dict(json={'instances': [{'b64': coded(data)}]}),
}


@pytest.mark.parametrize('way', WAYS)
def test_every_way_of_sending_an_image_gives_what_the_detector_finds(served, way):
    client, data, expected = served
    answer = client.post('/predictions/tiny', **WAYS[way](data))
    assert answer.status_code == 200, answer.text
    found, rows = answer.json(), as_rows(expected)
    assert rows
    assert [one['class_name'] for one in found] == [name for name, _ in rows]
    values = [[*one['bbox'], one['score']] for one in found]
    assert np.abs(np.array(values) - np.array([box for _, box in rows])).max() < 1e-4


def test_curl_puts_a_file(served):
    client, data, _ = served
    put, post = (client.request(method, '/predictions/tiny/1.0', content=data) for method in ('PUT', 'POST'))
    assert put.status_code == post.status_code == 200
    assert put.json() == post.json() != []


def test_several_images_in_one_request(served):
    client, data, expected = served
    answer = client.post('/v1/detect?model=other&score_thr=0.1', files=[('a', ('a.png', data)), ('b', ('b.png', data))])
    said = answer.json()
    assert (said['model'], said['classes']) == ('other', list(CLASSES))
    assert [image['image'] for image in said['images']] == ['a.png', 'b.png']
    first = said['images'][0]
    assert [first['width'], first['height']] == [*reversed(cv2.imdecode(np.frombuffer(data, np.uint8), 1).shape[:2])]
    assert len(first['detections']) == sum(len(boxes) for boxes in expected)
    assert {'label', 'label_id', 'score', 'rbox', 'polygon'} == set(first['detections'][0])
    assert client.post('/v1/detect?score_thr=1', content=data).json()['images'][0]['detections'] == []


BAD = {
    'nothing': (dict(content=b''), 400, 'is empty'),
    'text': (dict(content=b'hello'), 400, 'no image of the kinds JPEG, PNG'),
    'script': (dict(content=b'<svg xmlns="http://www.w3.org/2000/svg"/>'), 400, 'no image of the kinds'),
    'bomb': (dict(content=png(60000, 60000)), 413, 'pixels'),
    'larger than taken': (dict(content=png(500, 500)), 413, '500 x 500 pixels, at most 200000'),
    'truncated': (dict(content=png(50, 50)), 400, 'cannot decode'),
    'too many bytes': (dict(content=b'x' * 300_001), 413, 'a body of 300001 bytes, at most 300000'),
    'no JSON': (dict(content=b'{', headers={'content-type': 'application/json'}), 400, 'no JSON'),
    'deep JSON': (dict(content=b'[' * 100_000, headers={'content-type': 'application/json'}), 400, 'no JSON'),
    'JSON of another form': (dict(json={'picture': 'x'}), 400, 'send the bytes of an image file'),
    'list': (dict(json=[1, 2]), 400, 'the body holds no image'),
    'number': (dict(json={'image': 5}), 400, 'the body holds no image'),
    'no base64': (dict(json={'image': '\u00fc!'}), 400, 'no base64'),
    'too many images': (dict(json={'images': ['eA=='] * 4}), 413, '4 images, 1 to 3'),
    'no images': (dict(json={'images': []}), 400, '0 images'),
    'two images': (dict(json={'images': ['eA==', 'eA==']}), 400, '/v1/detect several'),
    'address': (dict(json={'url': 'http://example.org/a.png'}), 403, 'fetches none by address'),
    'file': (dict(json={'url': 'file:///etc/passwd'}), 400, 'begins with http'),
    'field': (dict(files={'image': (None, 'file:///etc/passwd')}), 400, 'no base64'),
    'form without an end': (
        dict(content=b'--x\r\n', headers={'content-type': 'multipart/form-data; boundary=x'}),
        400,
        'send the bytes',
    ),
    'form without a boundary': (
        dict(content=b'--x\r\n', headers={'content-type': 'multipart/form-data'}),
        400,
        'form cannot be read',
    ),
    'score': (dict(content=b'x', params={'score_thr': 'high'}), 400, 'score_thr'),
    'score beyond 1': (dict(content=b'x', params={'score_thr': 2}), 400, 'score_thr'),
}


@pytest.mark.parametrize('name', BAD)
def test_what_is_wrong_with_a_request_is_said(served, name):
    client, data, _ = served
    request, status, text = BAD[name]
    answer = client.post('/predictions/tiny', **request)
    said = answer.json()
    assert answer.status_code == said['code'] == status, said
    assert text in said['message']
    assert said['type'].endswith('Exception')
    assert client.post('/predictions/tiny', content=data).status_code == 200  # it goes on


@pytest.mark.parametrize(
    ('path', 'kind'),
    [
        ('/predictions/none', 'ModelNotFoundException'),
        ('/predictions/tiny/2.0', 'ModelVersionNotFoundException'),
        ('/v1/detect?model=none', 'ModelNotFoundException'),
        ('/nowhere', 'ResourceNotFoundException'),
    ],
)
def test_what_is_not_there(served, path, kind):
    client, data, _ = served
    answer = client.post(path, content=data)
    assert (answer.status_code, answer.json()['type']) == (404, kind)


def test_an_option_that_is_none_is_named(served):
    client, data, _ = served
    assert 'iou is no option' in client.post('/v1/detect?iou=0.5', content=data).json()['message']
    assert client.get('/predictions/tiny').json()['type'] == 'MethodNotAllowedException'


@pytest.mark.parametrize('form', ['JPEG', 'PNG', 'BMP', 'WEBP', 'TIFF'])
def test_a_file_that_was_cut_off_is_refused(served, form):
    client, _, _ = served
    file = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    Image.fromarray(pixels).save(file, form)
    data = file.getvalue()
    assert client.post('/predictions/tiny', content=data).status_code == 200
    for part in (len(data) // 10, len(data) // 2, len(data) - 100, len(data) - 3):
        assert client.post('/predictions/tiny', content=data[:part]).status_code == 400


def test_what_torchserve_tells_of_models(served):
    client, _, _ = served
    assert client.get('/ping').json() == {'status': 'Healthy'}
    assert client.get('/models').json()['models'][0] == {'modelName': 'tiny', 'modelUrl': 'tiny.pth'}
    (said,) = client.get('/models/tiny').json()
    assert (said['modelVersion'], said['batchSize'], said['maxBatchDelay']) == ('1.0', 8, 5)
    assert [one['name'] for one in client.get('/v1/models').json()] == ['tiny', 'other']
    assert client.get('/ready').json() == {'ready': True}
    assert client.get('/health').status_code == 200


def test_numbers_for_prometheus(served):
    client, data, _ = served

    def number(start):
        lines = client.get('/metrics').text.splitlines()
        return next((float(line.split()[-1]) for line in lines if line.startswith(start)), 0.0)

    counters = {
        'mmrotate_images_total{model="other"}': 1,
        'mmrotate_requests_total{path="/v1/detect",status="200"}': 1,
        'mmrotate_requests_total{path="/v1/detect",status="400"}': 1,
        'mmrotate_batch_images_count{model="other"}': 1,
        'mmrotate_request_seconds_count{path="/v1/detect"}': 2,
    }
    before = [number(start) for start in counters]
    client.post('/v1/detect?model=other', content=data)
    client.post('/v1/detect?model=other', content=b'x')
    grown = [number(start) - old for start, old in zip(counters, before, strict=True)]
    assert grown == list(counters.values())
    text = client.get('/metrics').text
    assert text.count('# TYPE ') == text.count('# HELP ') == 7


def test_the_form_of_requests_and_answers_is_described(served):
    client, data, _ = served
    form = client.get('/openapi.json').json()
    assert {'/v1/detect', '/predictions/{name}', '/ping', '/metrics'} <= set(form['paths'])
    schemas = form['components']['schemas']
    answer = client.post('/v1/detect', content=data).json()
    assert set(answer) == set(schemas['Detections']['properties'])
    assert set(answer['images'][0]) == set(schemas['ImageDetections']['properties'])
    assert set(answer['images'][0]['detections'][0]) == set(schemas['Detection']['properties'])
    assert set(client.get('/v1/models').json()[0]) == set(schemas['Served']['properties'])


@pytest.mark.parametrize('path', ['/', '/docs'])
def test_the_pages_load_nothing_from_elsewhere(served, path):
    client, _, _ = served
    page = client.get(path)
    assert page.headers['content-type'].startswith('text/html')
    assert '<title>mmrotate' in page.text
    assert 'http://' not in page.text
    assert 'https://' not in page.text


def test_a_detector_that_fails_is_not_the_clients_fault(tmp_path):
    model = init_detector(str(write_config(tmp_path)), device='cpu')
    data = (tmp_path / 'data' / 'images' / 'img0.png').read_bytes()
    served = ServedModel('tiny', model)
    with TestClient(create_app([served]), raise_server_exceptions=False) as client:
        model.forward = lambda **_: json.loads('broken')
        answer = client.post('/v1/detect', content=data)
        assert (answer.status_code, answer.json()['type']) == (500, 'InternalServerException')
        assert 'the model failed on the image' in answer.json()['message']
        model.forward = lambda **_: (_ for _ in ()).throw(MemoryError())
        assert client.post('/v1/detect', content=data).status_code == 503
        assert client.get('/ping').status_code == 200


def test_names_that_cannot_stand_in_an_address(tmp_path):
    model = init_detector(str(write_config(tmp_path)), device='cpu')
    for name in ('', 'a/b', 'a b', '\u00fc'):
        with pytest.raises(UserError, match='a model is called by letters'):
            ServedModel(name, model)
    with pytest.raises(UserError, match='different names'):
        create_app([ServedModel('a', model), ServedModel('a', model)])
