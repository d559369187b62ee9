"""Items made ahead by a thread, while the caller works on earlier ones."""

import queue
import threading
from collections.abc import Generator, Iterable
from typing import TypeVar

T = TypeVar('T')


def prefetched(items: Iterable[T], ahead: int) -> Generator[T, None, None]:
    """The items, in their order, of which a thread makes up to ``ahead`` before they are asked for.

    An error of theirs comes through in its place. When the caller stops, so does the thread.
    """
    made: queue.SimpleQueue[tuple[list[T], BaseException | None]] = queue.SimpleQueue()
    room, stopped = threading.Semaphore(ahead), threading.Event()

    def make() -> None:
        error: BaseException | None = None
        try:
            for item in items:
                room.acquire()
                if stopped.is_set():
                    return
                made.put(([item], None))
        except BaseException as raised:  # raised anew where the caller is
            error = raised
        made.put(([], error))

    thread = threading.Thread(target=make, name='prefetch', daemon=True)
    thread.start()
    try:
        while True:
            item, error = made.get()
            if error is not None:
                raise error
            if not item:
                return
            yield item[0]
            del item
            room.release()
    finally:
        stopped.set()
        room.release()
        thread.join()


def newest(items: Iterable[T]) -> Generator[T, None, None]:
    """Of items that come at their own pace those that are the newest when the caller asks; the others are dropped.

    An error of theirs comes through. When the caller stops, so does the thread, at the next item.
    """
    changed, stopped = threading.Condition(), threading.Event()
    state: dict[str, list] = {'item': [], 'end': []}

    def take() -> None:
        error: BaseException | None = None
        try:
            for item in items:
                if stopped.is_set():
                    return
                with changed:
                    state['item'] = [item]
                    changed.notify()
        except BaseException as raised:  # raised anew where the caller is
            error = raised
        with changed:
            state['end'] = [error]
            changed.notify()

    threading.Thread(target=take, name='newest', daemon=True).start()
    try:
        while True:
            with changed:
                changed.wait_for(lambda: state['item'] or state['end'])
                item, state['item'] = state['item'], []
            if item:
                yield item[0]
            elif error := state['end'][0]:
                raise error
            else:
                return
    finally:
        stopped.set()
