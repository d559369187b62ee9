"""train, test and infer from end to end, and their errors."""

import json
import pickle

import pytest
import torch
from torch import nn

from mmrotate.cli import main
from tests.helpers.tiny import write_config, write_data


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """Folder with a config ``tiny.py``, its data, and a work directory ``work``."""
    folder = tmp_path_factory.mktemp('trained')
    config = write_config(folder)
    assert main(['train', str(config), '--work-dir', str(folder / 'work')]) == 0
    return folder


@pytest.fixture
def files(trained):
    return [str(trained / 'tiny.py'), str(trained / 'work' / 'latest.pth')]


def error_of(capsys, *argv):
    capsys.readouterr()
    assert main([str(arg) for arg in argv]) == 1
    err = capsys.readouterr().err
    assert 'Traceback' not in err
    last = [line for line in err.splitlines() if line.startswith('error: ')]
    assert len(last) == 1
    return err[err.index('error: ') :]


# ---- test


def test_scores_results_and_pictures(files, tmp_path, capsys):
    options = ['--work-dir', tmp_path, '--out', tmp_path / 'out' / 'a.pkl', '--show-dir',
               tmp_path / 'pictures', '--eval', 'mAP', '--fuse-conv-bn']  # fmt: skip
    assert main(['test', *files, *map(str, options)]) == 0
    written = json.loads(next(tmp_path.glob('eval_*.json')).read_text())
    assert written['metric']['mAP'] > 0
    assert str(written['metric']) in capsys.readouterr().out
    results = pickle.loads((tmp_path / 'out' / 'a.pkl').read_bytes())
    assert [len(boxes) for boxes in results[0]] == [1, 0]
    assert len(results) == len(list((tmp_path / 'pictures').iterdir())) == 5


def test_eval_options_go_to_the_evaluation(files, tmp_path):
    for name, threshold in (('a', 0.1), ('b', 0.99)):
        options = ['--eval', 'mAP', '--eval-options', f'iou_thr={threshold}']
        assert main(['test', *files, *options, '--work-dir', str(tmp_path / name)]) == 0
    scores = [json.loads(next((tmp_path / name).glob('*.json')).read_text())['metric']['mAP'] for name in 'ab']
    assert scores[0] > scores[1]


def test_format_only(files, tmp_path):
    options = ['--eval-options', f'submission_dir={tmp_path / "task1"}']
    assert main(['test', *files, '--format-only', *options]) == 0
    assert (tmp_path / 'task1' / 'Task1_car.txt').read_text().startswith('img0 0.9')


TWICE = """
import copy
one, other = copy.deepcopy(data['test']), copy.deepcopy(data['test'])
other['img_prefix'], other['ann_file'] = 'more/images', 'more/labelTxt'
data['test'] = data['val'] = {joined}
"""
JOINED = {
    'a list': '[one, other]',
    'written out': "dict(type='ConcatDataset', datasets=[one, other])",
    'scored as one': "dict(type='ConcatDataset', datasets=[one, other], separate_eval=False)",
    'lists in ann_file': "dict(one, ann_file=['labelTxt', 'more/labelTxt'], img_prefix=['images', 'more/images'])",
    'repeated': "[dict(type='RepeatDataset', times=1, dataset=d) for d in (one, other)]",
}


@pytest.fixture
def joined(tmp_path):
    """Writes a config for two test sets, whose images have the same names or, with a prefix, others."""

    def write(kind, prefix=''):
        config = write_config(tmp_path, TWICE.format(joined=JOINED[kind]))
        write_data(tmp_path / 'data' / 'more', count=2)
        for file in (tmp_path / 'data' / 'more').glob('*/*'):
            file.rename(file.with_name(prefix + file.name))
        return str(config)

    return write


@pytest.mark.parametrize('kind', JOINED)
def test_joined_test_sets_do_what_single_ones_do(joined, files, tmp_path, kind):
    config, checkpoint = joined(kind), files[1]
    out, drawn, sub, work = (tmp_path / name for name in ('a.json', 'drawn', 'sub', 'work'))
    options = ['--out', out, '--show-dir', drawn, '--format-only', '--eval-options', f'submission_dir={sub}']
    assert main(['test', config, checkpoint, *map(str, options)]) == 0
    names = [f'0/img{i}.png' for i in range(5)] + [f'1/img{i}.png' for i in range(2)]
    assert [image['image'] for image in json.loads(out.read_text())['images']] == names
    assert sorted(str(file.relative_to(drawn)) for file in drawn.rglob('*.png')) == names
    lines = [(sub / part / 'Task1_car.txt').read_text().split()[::10] for part in '01']
    assert lines == [[f'img{i}' for i in range(5)], ['img0', 'img1']]
    options = ['--eval', 'mAP', '--out', tmp_path / 'a.pkl', '--work-dir', work]
    assert main(['test', config, checkpoint, *map(str, options)]) == 0
    metric = json.loads(next(work.glob('eval_*.json')).read_text())['metric']
    assert set(metric) == ({'mAP'} if kind == 'scored as one' else {'0_mAP', '1_mAP'})
    assert len(pickle.loads((tmp_path / 'a.pkl').read_bytes())) == 7


def test_joined_test_sets_of_other_names_are_one_submission(joined, files, tmp_path):
    config = joined('written out', prefix='b_')
    options = ['--format-only', '--eval-options', f'submission_dir={tmp_path / "sub"}', '--out', tmp_path / 'a.json']
    assert main(['test', config, files[1], *map(str, options)]) == 0
    names = [*(f'img{i}' for i in range(5)), 'b_img0', 'b_img1']
    assert (tmp_path / 'sub' / 'Task1_car.txt').read_text().split()[::10] == names
    written = json.loads((tmp_path / 'a.json').read_text())['images']
    assert [image['image'] for image in written] == [f'{name}.png' for name in names]


@pytest.mark.parametrize('kind', ['written out', 'scored as one', 'repeated'])
def test_a_training_is_validated_on_joined_sets(joined, tmp_path, capsys, kind):
    config = joined(kind)
    assert main(['train', config, '--work-dir', str(tmp_path), '--cfg-options', 'runner.max_epochs=1']) == 0
    said = capsys.readouterr().out
    assert ('0_mAP' in said) == (kind != 'scored as one') and 'mAP: ' in said


def test_names_that_break_a_submission_are_refused_before_the_model_runs(files, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr('mmrotate.cli.test.init_detector', None)
    config = write_config(tmp_path, "data['test']['classes'] = ['car', 'ship', 'ship/boat']")
    assert "the class 'ship/boat'" in error_of(capsys, 'test', config, files[1], '--format-only')
    for file in (tmp_path / 'data').glob('*/img0.*'):
        file.rename(file.with_stem('photo (1)'))
    assert "the first: 'photo (1)'" in error_of(capsys, 'test', config, files[1], '--format-only')


def test_cfg_options(files, tmp_path, capsys):
    error = error_of(capsys, 'test', *files, '--eval', 'mAP', '--cfg-options', 'data.test.ann_file=nothing')
    assert 'nothing' in error


def test_a_test_that_would_do_nothing_is_refused(files, capsys):
    assert '--eval mAP, --out FILE' in error_of(capsys, 'test', *files)
    both = error_of(capsys, 'test', *files, '--eval', 'mAP', '--format-only')
    assert 'one by one' in both


def test_an_unknown_metric_is_refused_before_the_model_runs(files, capsys, monkeypatch):
    monkeypatch.setattr('mmrotate.cli.test.init_detector', None)
    error = error_of(capsys, 'test', *files, '--eval', 'segm')
    assert '--eval' in error and "unknown metric 'segm'; known metrics: ['mAP'" in error


# ---- infer


def test_one_image(files, trained, tmp_path, capsys):
    image = trained / 'data' / 'images' / 'img1.png'
    out, result = tmp_path / 'o' / 'a.png', tmp_path / 'a.json'
    assert main(['infer', str(image), *files, '--out-file', str(out), '--json', str(result)]) == 0
    assert out.is_file()
    found = json.loads(result.read_text())['images']
    assert found[0]['image'] == str(image)
    assert found[0]['detections'][0]['label'] == 'car'
    assert '1 detections' in capsys.readouterr().out


@pytest.mark.parametrize('pattern', ['', '*.png'])
def test_a_folder_or_a_pattern(files, trained, tmp_path, pattern):
    images = str(trained / 'data' / 'images' / pattern)
    options = ['--out-dir', str(tmp_path), '--batch-size', '2', '--device', 'cpu']
    assert main(['infer', images, *files, *options]) == 0
    assert len(list(tmp_path.iterdir())) == 5


def test_detections_below_the_threshold_are_left_out(files, trained, tmp_path):
    image = str(trained / 'data' / 'images' / 'img1.png')
    options = ['--json', str(tmp_path / 'a.json'), '--score-thr', '0.95']
    assert main(['infer', image, *files, *options]) == 0
    assert json.loads((tmp_path / 'a.json').read_text())['images'][0]['detections'] == []


def test_errors_of_infer(files, trained, tmp_path, capsys):
    folder = trained / 'data' / 'images'
    image = folder / 'img0.png'
    before = image.read_bytes()
    assert 'overwrite' in error_of(capsys, 'infer', image, *files, '--out-dir', folder)
    assert image.read_bytes() == before
    assert 'use --out-dir' in error_of(capsys, 'infer', folder, *files, '--out-file', 'a.png')
    assert 'no image at' in error_of(capsys, 'infer', tmp_path / 'x.png', *files)
    assert 'same name' in error_of(capsys, 'infer', image, image, *files, '--out-dir', tmp_path / 'o')
    broken = tmp_path / 'broken.png'
    broken.write_bytes(before[:300])
    assert 'broken.png' in error_of(capsys, 'infer', broken, *files)


# ---- files that cannot be used


def test_missing_files(files, tmp_path, capsys):
    config, checkpoint = files
    for command in (['train'], ['test', '--eval', 'mAP'], ['infer', 'x.png']):
        rest = [] if command[0] == 'train' else [checkpoint]
        place = command[1:] if command[0] == 'infer' else []
        options = [] if command[0] == 'infer' else command[1:]
        error = error_of(capsys, command[0], *place, config + 'x', *rest, *options)
        assert 'does not exist' in error or 'no image' in error
    error = error_of(capsys, 'test', config, tmp_path / 'no.pth', '--eval', 'mAP')
    assert 'no.pth does not exist' in error
    error = error_of(capsys, 'train', config, '--work-dir', tmp_path, '--load-from', 'no.pth')
    assert 'no.pth does not exist' in error


def test_checkpoints_that_do_not_serve(files, tmp_path, capsys):
    path = tmp_path / 'a.pth'
    torch.save(nn.Linear(1, 1).state_dict(), path)
    error = error_of(capsys, 'test', files[0], path, '--eval', 'mAP')
    assert "another model's" in error
    assert 'conv.weight' in error  # missing
    assert 'unexpected (2): weight, bias' in error
    torch.save({'state_dict': {}, 'meta': error_of}, path)
    assert 'MMROTATE_ALLOW_PICKLE=1' in error_of(capsys, 'test', files[0], path, '--eval', 'mAP')


@pytest.mark.parametrize(
    ('line', 'words'),
    [
        ('1 2 3 4 5 6 7 8', ['img0.txt']),
        ('1 2 3 4 5 6 7 x car 0', ['img0.txt']),
        ('5 5 25 5 25 15 5 15 plane 0', ['img0.txt', 'plane', 'car', 'ship']),
    ],
)
def test_bad_label_files(tmp_path, capsys, line, words):
    config = write_config(tmp_path)
    label = tmp_path / 'data' / 'labelTxt' / 'img0.txt'
    label.write_text(label.read_text() + '\n' + line)
    error = error_of(capsys, 'train', config, '--work-dir', tmp_path / 'w')
    assert all(word in error for word in words)


def test_a_wrong_number_of_classes(tmp_path, capsys):
    config = write_config(tmp_path, "model['num_classes'] = 9")
    error = error_of(capsys, 'train', config, '--work-dir', tmp_path / 'w')
    assert 'num_classes=9' in error


def test_a_loss_that_is_not_finite(tmp_path, capsys):
    config = write_config(tmp_path, "model['nan_at'] = 1")
    assert '.png' in error_of(capsys, 'train', config, '--work-dir', tmp_path / 'w')


def test_show_without_a_screen_is_refused_before_anything_runs(files, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr('mmrotate.cli.basics.has_screen', lambda: False)
    assert 'write the pictures by --out-dir' in error_of(capsys, 'infer', tmp_path, *files, '--show')
    assert 'write the pictures by --show-dir' in error_of(capsys, 'test', *files, '--show')


def test_a_training_that_is_over_says_so(files, tmp_path, capsys):
    config, checkpoint = files
    assert main(['train', config, '--work-dir', str(tmp_path), '--resume-from', checkpoint]) == 0
    assert 'nothing is left to train' in capsys.readouterr().out


def test_debug_shows_the_traceback(files):
    with pytest.raises(Exception, match='does not exist'):
        main(['train', files[0] + 'x', '--debug'])


def test_other_errors_keep_their_traceback(files, monkeypatch):
    monkeypatch.setattr('mmrotate.cli.own_data.load_config', lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(['train', files[0]])
