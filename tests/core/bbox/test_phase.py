"""Angles as waves."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmrotate.core.bbox import CSLCoder, PseudoAngleCoder, build_bbox_coder, code_size
from mmrotate.core.bbox.angle import VERSIONS
from mmrotate.utils.errors import ArgumentError
from tests.helpers.golden import tensor

PSC = [(dual, steps, thr) for dual in (0, 1) for steps in (3, 4) for thr in (0.47, 0.0)]


def psc(version='le90', **kwargs):
    return build_bbox_coder(dict(type='PSCCoder', angle_version=version, **kwargs))


def acm(version='le90', **kwargs):
    return build_bbox_coder(dict(type='ACMCoder', angle_version=version, **kwargs))


def gap(found, expected, period=math.pi):
    """The largest difference of directions."""
    return ((found - expected + period / 2) % period - period / 2).abs().max()


def check_source(coder, name, pairs):
    arrays = {key: tensor(f'{name}/{key}', 'newer/angles.npz') for pair in pairs for key in pair}
    torch.testing.assert_close(coder.encode(arrays['angle']), arrays['enc'], rtol=1e-5, atol=1e-5)
    for codes, angles in pairs[1:]:
        assert gap(coder.decode(arrays[codes], keepdim=True), arrays[angles].view(-1, 1)) < 1e-5


@pytest.mark.parametrize(('dual', 'steps', 'thr'), PSC)
def test_phases_are_those_of_1_x(dual, steps, thr):
    coder = psc(dual_freq=bool(dual), num_step=steps, thr_mod=thr)
    pairs = [('angle', 'enc'), ('enc', 'dec'), ('noisy', 'dec_noisy'), ('wild', 'dec_wild')]
    check_source(coder, f'psc_dual{dual}_step{steps}_thr{thr}', pairs)


@pytest.mark.parametrize('dual', [0, 1])
def test_cosines_and_sines_are_those_of_their_source(dual):
    coder = acm(dual_freq=bool(dual))
    check_source(coder, f'acm_dual{dual}', [('angle', 'enc'), ('enc', 'dec'), ('wild', 'dec_wild')])


@pytest.mark.parametrize('version', VERSIONS)
@pytest.mark.parametrize('make', [psc, acm])
@given(turn=st.floats(0, 0.999), dual=st.booleans())
def test_angles_come_back_and_nothing_jumps(make, version, turn, dual):
    coder, range_ = make(version, dual_freq=dual), VERSIONS[version]
    angle = torch.tensor([[range_.start + turn * range_.span]])
    codes = coder.encode(angle)
    assert codes.shape == (1, code_size(coder)) and codes.abs().max() <= 1 + 1e-6
    # the same box after a period: half a turn, or a whole one where it has a front
    torch.testing.assert_close(coder.encode(angle + range_.period), codes, rtol=0, atol=1e-5)
    found = coder.decode(codes)
    assert found.shape == (1,) and gap(found, angle[:, 0], range_.period) < 1e-5
    assert range_.start - 1e-6 <= found.item() <= range_.start + range_.period + 1e-6
    near = coder.encode(angle + 1e-3)
    assert (near - codes).abs().max() < 5e-3


def test_codes_of_any_axes_are_decoded():
    """The source cuts the second axis, so it takes two axes only."""
    angles = torch.rand(2, 3, 4, 1) - 0.5
    for coder in (psc(), acm()):
        codes = coder.encode(angles)
        assert codes.shape == (2, 3, 4, coder.encode_size)
        torch.testing.assert_close(coder.decode(codes, keepdim=True), angles, rtol=0, atol=1e-5)


@pytest.mark.parametrize('coder', [psc(), psc(dual_freq=False, thr_mod=0.0), acm(), acm(dual_freq=False)])
def test_gradients_are_finite_where_nothing_has_a_direction(coder):
    codes = torch.zeros(3, coder.encode_size)
    codes[1:] = coder.encode(torch.tensor([[0.3], [math.pi / 2]]))
    codes.requires_grad_()
    angles = coder.decode(codes)
    angles.sum().backward()
    assert angles[0] == 0 and codes.grad.isfinite().all() and codes.grad[1].any()


def test_objects_without_direction_lie_along_x():
    coder = psc(dual_freq=False)
    angle = torch.full((1, 1), 0.5)
    assert coder.decode(coder.encode(angle) * 0.5).item() == pytest.approx(0.5)
    assert coder.decode(coder.encode(angle) * 0.4).item() == 0


def test_settings_are_checked():
    for wrong, text in ((dict(num_step=2), 'at least 3, got 2'), (dict(thr_mod=-1), 'thr_mod')):
        with pytest.raises(ArgumentError, match=text):
            psc(**wrong)
    with pytest.raises(ArgumentError, match='omega'):
        acm(base_omega=0)
    with pytest.raises(ArgumentError, match='le91'):
        psc('le91')


def test_all_coders_of_angles_have_one_form():
    classes = CSLCoder('le90', omega=4)
    for coder in (classes, psc(), acm(), PseudoAngleCoder()):
        codes = coder.encode(torch.tensor([[0.1], [0.2]]))
        assert codes.shape == (2, code_size(coder)) == (2, coder.encode_size)
        assert coder.decode(codes).shape == (2,) and coder.decode(codes, keepdim=True).shape == (2, 1)
    assert classes.of_classes and not psc().of_classes


def test_a_phase_that_loses_the_front_is_refused():
    with pytest.raises(ValueError, match='base_omega 2 loses the front'):
        acm('r360', base_omega=2)
    assert acm('r360').omega == 1 and acm('le90').omega == 2
