"""Items come in order from a thread that is not far ahead, and ends with its caller."""

import threading

import pytest

from mmrotate.utils.prefetch import prefetched


def test_items_are_made_ahead_in_order_but_not_far():
    made = []
    items = prefetched((made.append(i) or i for i in range(50)), 4)
    assert next(items) == 0
    assert len(made) <= 5
    assert list(items) == list(range(1, 50))


def test_an_error_comes_in_its_place():
    def broken():
        yield 1
        raise KeyError('two')

    items = prefetched(broken(), 4)
    assert next(items) == 1
    with pytest.raises(KeyError, match='two'):
        next(items)


def test_the_thread_ends_with_its_caller():
    def endless():
        while True:
            yield 0

    items = prefetched(endless(), 2)
    next(items)
    assert any(thread.name == 'prefetch' for thread in threading.enumerate())
    items.close()
    assert not any(thread.name == 'prefetch' for thread in threading.enumerate())
