from benchmarks.pipelines import STEPS, measure


def test_every_step_is_measured():
    decoding, ratios = measure(64, 3, 0.01)
    assert decoding > 0 and set(ratios) == set(STEPS) and all(ratio > 0 for ratio in ratios.values())
