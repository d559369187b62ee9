"""Where results may go, how they get there whole, and what the parser refuses."""

import importlib
import json
import os
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from mmrotate.apis import inference_detector, init_detector, write_results_json
from mmrotate.cli import main
from mmrotate.core import imshow_det_rbboxes
from mmrotate.engine import pick_device
from mmrotate.utils import UserError, save_atomically
from mmrotate.utils.files import WriteError
from tests.helpers.tiny import CLASSES, write_config


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    """Folder with a config, its data, a file of class names and a checkpoint."""
    folder = tmp_path_factory.mktemp('made')
    names = folder / 'names.txt'
    names.write_text('\n'.join(CLASSES))
    child = write_config(folder, f'\nfor part in ("train", "val", "test"): data[part]["classes"] = {str(names)!r}\n')
    child.rename(folder / 'base.py')
    (folder / 'tiny.py').write_text("_base_ = './base.py'\n")
    assert main(['train', str(folder / 'tiny.py'), '--work-dir', str(folder / 'work')]) == 0
    shutil.copyfile(folder / 'work' / 'latest.pth', folder / 'model.pth')
    return folder


@pytest.fixture
def files(made):
    return [made / 'tiny.py', made / 'model.pth']


def run(*argv):
    return main([str(arg) for arg in argv])


def refused(capsys, *argv):
    """The error of a command that does not run."""
    capsys.readouterr()
    assert run(*argv) == 1
    err = [line for line in capsys.readouterr().err.splitlines() if line.startswith('error: ')]
    assert len(err) == 1
    return err[0]


INPUTS = ['data/images/img0.png', 'tiny.py', 'base.py', 'model.pth', 'names.txt', 'data/labelTxt/img0.txt']


@pytest.mark.parametrize('name', INPUTS)
@pytest.mark.parametrize('linked', [False, True])
def test_no_output_overwrites_an_input(made, files, capsys, monkeypatch, tmp_path, name, linked):
    for command in ('infer', 'test'):
        monkeypatch.setattr(f'mmrotate.cli.{command}.init_detector', None)  # nothing has run yet
    given, before = made / name, (made / name).read_bytes()
    target = tmp_path / 'linked.json'
    os.link(given, target)
    image = made / 'data' / 'images' / 'img0.png'
    target = target if linked else given
    assert 'would overwrite' in refused(capsys, 'infer', image, *files, '--json', target)
    if linked:
        assert 'would overwrite' in refused(capsys, 'test', *files, '--out', target)
        os.link(given, tmp_path / 'img0.png')
        assert 'would overwrite' in refused(capsys, 'test', *files, '--show-dir', tmp_path)
        assert 'would overwrite' in refused(capsys, 'infer', image, *files, '--out-dir', tmp_path)
    assert given.read_bytes() == before


def test_two_outputs_do_not_share_a_file(made, files, capsys, tmp_path):
    image = made / 'data' / 'images' / 'img0.png'
    both = ['--out-file', tmp_path / 'a.png', '--json', tmp_path / 'a.png']
    assert 'what --json writes' in refused(capsys, 'infer', image, *files, *both)
    both = ['--out-dir', tmp_path, '--json', tmp_path / 'img0.png']
    assert 'what --json writes' in refused(capsys, 'infer', image, *files, *both)
    both = ['--out', tmp_path / 'a.json', '--show-dir', tmp_path / 'a.json']
    assert 'the folder of --show-dir' in refused(capsys, 'test', *files, *both)


def test_publish_spares_its_input(made, capsys, tmp_path):
    os.link(made / 'model.pth', tmp_path / 'linked.pth')
    for target in (made / 'model.pth', tmp_path / 'linked.pth'):
        assert 'would overwrite' in refused(capsys, 'publish', made / 'model.pth', target)


def test_a_training_spares_its_config_and_its_weights(made, capsys, tmp_path):
    shutil.copytree(made / 'data', tmp_path / 'data')
    config = write_config(tmp_path)
    before = config.read_text()
    short = ['--cfg-options', 'runner.max_epochs=1']
    assert run('train', config, '--work-dir', tmp_path, *short) == 0
    assert config.read_text() == before
    weights = tmp_path / 'epoch_1.pth'
    error = refused(capsys, 'train', config, '--work-dir', tmp_path, '--load-from', weights, *short)
    assert 'epoch_1.pth lies where this training writes its own' in error
    (tmp_path / 'out' / tmp_path.name).mkdir(parents=True)
    own = shutil.copy(weights, tmp_path / 'out' / tmp_path.name / 'model_007.pth')
    named = [f'checkpoint_config.out_dir={tmp_path}/out', 'checkpoint_config.filename_tmpl=model_{:03d}.pth']
    error = refused(capsys, 'train', config, '--work-dir', tmp_path, '--load-from', own, *short, *named)
    assert 'model_007.pth lies where' in error


def test_places_that_cannot_be_written_are_said_before_anything_runs(made, files, capsys, monkeypatch):
    for command in ('infer', 'test'):
        monkeypatch.setattr(f'mmrotate.cli.{command}.init_detector', None)
    image, file = made / 'data' / 'images' / 'img0.png', made / 'base.py'
    for option, value in (('--json', file / 'a.json'), ('--out-dir', file), ('--out-file', file / 'a.png')):
        assert option in refused(capsys, 'infer', image, *files, option, value)
    for option, value in (('--out', file / 'a.pkl'), ('--show-dir', file)):
        assert option in refused(capsys, 'test', *files, option, value)
    assert '--work-dir' in refused(capsys, 'test', *files, '--eval', 'mAP', '--work-dir', file)
    options = ['--eval-options', f'submission_dir={file / "x"}']
    assert 'submission_dir' in refused(capsys, 'test', *files, '--format-only', *options)


def commands_that_write(made):
    """Commands whose outputs shall go to /proc, where root has every permission and still no file can be made."""
    config, weights, image, data = (made / each for each in ('tiny.py', 'model.pth', 'data/images/img0.png', 'data'))
    model = 'detector.onnx'  # not read: nothing runs
    yield 'train', config, '--work-dir', '/proc/a'
    yield 'train', config, '--data', data, '--work-dir', '/proc/a'
    yield 'test', config, weights, '--out', '/proc/a.pkl'
    yield 'test', config, weights, '--eval', 'mAP', '--work-dir', '/proc/a'
    yield 'test', config, weights, '--format-only', '--eval-options', 'submission_dir=/proc/a'
    yield 'infer', image, config, weights, '--out', '/proc/a'
    yield 'infer', made / 'a.mp4', config, weights, '--out-file', '/proc/a.mp4'
    yield 'track', made / 'a.mp4', config, weights, '--json', '/proc/a.jsonl'
    yield 'export', config, weights, '--out', '/proc/a.onnx'
    yield 'robustness', config, weights, '--out', '/proc/a.json', '--eval', 'mAP'
    yield 'anchors', config, '--output-dir', '/proc/a'
    yield 'browse', config, '--output-dir', '/proc/a', '--not-show'
    yield 'print-config', config, '--save-path', '/proc/a.py'
    yield 'publish', weights, '/proc/a.pth'
    yield 'split', data, '--save-dir', '/proc/a'
    yield 'convert', data, '/proc/a', '--to', 'coco'
    yield 'check', data, '--out-dir', '/proc/a'
    yield 'download', 'rotated_retinanet_obb_r50_fpn_1x_dota_le90', '--dest', '/proc/a'
    yield 'tools/deployment/test.py', config, model, '--out', '/proc/a.pkl'
    yield 'tools/deployment/test_torchserver.py', image, config, weights, 'name', '--out-dir', '/proc/a'
    yield 'demo/huge_image_demo.py', image, config, weights, '--out-file', '/proc/a.png'


def test_a_place_where_root_cannot_write_is_said_before_anything_runs(made, capsys, monkeypatch):
    for module in ('infer', 'infer_video', 'test', 'track', 'export', 'robustness', 'torchserve_compare'):
        importlib.import_module(f'mmrotate.cli.{module}')
        monkeypatch.setattr(f'mmrotate.cli.{module}.init_detector', None)
    scripts = {
        'tools/deployment/test.py': 'test_exported',
        'tools/deployment/test_torchserver.py': 'torchserve_compare',
        'demo/huge_image_demo.py': 'huge_image_demo',
    }
    others = []
    for name, *argv in commands_that_write(made):
        words = [*map(str, argv)]
        capsys.readouterr()
        if name in scripts:
            code = importlib.import_module(f'mmrotate.cli.{scripts[name]}').main(words)
        else:
            code = main([name, *words])
        errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith('error: ')]
        said = [
            line
            for line in errors
            if re.search(r'/proc/a.*: no (file can be made in|permission to write into) /proc', line)
        ]
        if not (code == 1 and len(errors) == len(said) == 1):
            others.append((name, code, errors))
    assert not others


def test_on_a_full_disk_the_old_file_stays(made, files, capsys, tmp_path, monkeypatch):
    image = made / 'data' / 'images' / 'img0.png'
    out, scores = tmp_path / 'a.png', tmp_path / 'a.json'
    out.write_bytes(b'old')
    scores.symlink_to('/dev/full')
    assert 'a.json: No space left on device' in refused(capsys, 'infer', image, *files, '--json', scores)
    monkeypatch.setattr('tests.helpers.tiny.TinyDetector.show_result', show_result)

    def fail(self, data):
        raise OSError(28, os.strerror(28), str(self))

    monkeypatch.setattr(Path, 'write_bytes', fail)
    error = refused(capsys, 'infer', image, *files, '--out-file', out)
    assert error == f'error: cannot write {out}: No space left on device'
    assert out.read_bytes() == b'old'
    assert 'img0.png: No space' in refused(capsys, 'infer', image, *files, '--out-dir', tmp_path / 'o')
    assert [path.name for path in (tmp_path / 'o').iterdir()] == ['infer.journal']


def show_result(self, img, result, out_file=None, **kwargs):
    return imshow_det_rbboxes(img, np.concatenate(result), np.zeros(1, int), out_file=out_file, show=False)


def test_a_checkpoint_on_a_full_disk(tmp_path):
    path = tmp_path / 'a.pth'
    path.symlink_to('/dev/full')
    with pytest.raises(WriteError, match=r'^cannot write .*a\.pth: No space left on device$'):
        save_atomically({'a': torch.zeros(10000)}, path)


def test_the_json_of_a_stream_is_that_of_a_list(made, files, tmp_path):
    images = sorted((made / 'data' / 'images').iterdir())
    assert run('infer', *images, *files, '--json', tmp_path / 'a.json', '--batch-size', 3) == 0
    model = init_detector(str(files[0]), str(files[1]), 'cpu')
    results = inference_detector(model, list(map(str, images)), batch_size=3)
    write_results_json(tmp_path / 'b.json', images, results, CLASSES, 0.3)
    assert (tmp_path / 'a.json').read_text() == (tmp_path / 'b.json').read_text()
    assert len(json.loads((tmp_path / 'a.json').read_text())['images']) == len(images)


@pytest.mark.parametrize(
    ('option', 'value', 'expected'),
    [
        ('--device', 'foo', 'cuda:1'),
        ('--device', 'cuda:x', 'cuda:1'),
        ('--device', 'meta', 'cuda:1'),
        ('--batch-size', '0', 'from 1 on'),
        ('--batch-size', '-1', 'from 1 on'),
        ('--batch-size', 'two', 'from 1 on'),
        ('--palette', 'zzz', "'dota'"),
        ('--score-thr', 'nan', 'from 0 to 1'),
        ('--score-thr', 'inf', 'from 0 to 1'),
        ('--score-thr', '30', 'from 0 to 1'),
        ('--out-file', 'p.xyz', '.png'),
        ('--out-file', 'p', '.png'),
    ],
)
def test_options_of_infer(capsys, option, value, expected):
    one_line(capsys, ['infer', 'a.png', 'a.py', 'a.pth', option, value], option, value, expected)


@pytest.mark.parametrize(
    ('option', 'value', 'expected'),
    [('--device', 'foo', 'cuda:1'), ('--show-score-thr', 'nan', 'from 0 to 1'), ('--out', 'a.txt', '.pkl')],
)
def test_options_of_test(capsys, option, value, expected):
    one_line(capsys, ['test', 'a.py', 'a.pth', option, value], option, value, expected)


def one_line(capsys, argv, *words):
    with pytest.raises(SystemExit) as left:
        main(argv)
    assert left.value.code == 2
    err = capsys.readouterr().err
    assert err.count('\n') == 1
    assert all(word in err for word in words)


def test_devices_that_are_there():
    assert pick_device('cpu') == torch.device('cpu')
    for name in ('meta', 'foo', 'xpu:7'):
        with pytest.raises(UserError, match='device'):
            pick_device(name)


def test_the_folder_of_format_only_is_said(files, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    assert run('test', *files, '--format-only') == 0
    folder = next(tmp_path.glob('task1_*'))
    assert f'written: {folder}' in capsys.readouterr().out


def test_options_are_eval_options(files, capsys, tmp_path):
    assert run('test', *files, '--format-only', '--options', f'submission_dir={tmp_path / "a"}') == 0
    assert (tmp_path / 'a' / 'Task1_car.txt').is_file()
    both = ['--eval', 'mAP', '--options', 'iou_thr=0.5', '--eval-options', 'iou_thr=0.5']
    assert 'give one of them' in refused(capsys, 'test', *files, *both)
    alone = ['--out', tmp_path / 'a.pkl', '--eval-options', 'iou_thr=0.5']
    assert '--eval or --format-only' in refused(capsys, 'test', *files, *alone)


def test_pictures_need_a_known_ending(files, capsys, tmp_path):
    image = tmp_path / 'a.dat'
    cv2.imwrite(str(tmp_path / 'a.png'), np.zeros((8, 8, 3), np.uint8))
    (tmp_path / 'a.png').rename(image)
    assert 'a.dat names no format' in refused(capsys, 'infer', image, *files, '--out-dir', tmp_path / 'o')
