"""Making the next batches in a thread while the present one is trained on."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")
AHEAD = 2


def prefetch(items: Generator[T], ahead: int = AHEAD) -> Generator[T]:
    """Yield what a generator yields, made in a thread of its own; an error is raised where it would have come.

    Closing it ends the thread and closes ``items`` there.

    Args:
        items: Used by the thread alone from now on.
        ahead: Most items that wait.
    """
    made: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(ahead)
    ended = threading.Event()

    def work() -> None:
        error: BaseException | None = StopIteration()
        try:
            for item in items:
                if not _put(made, (item, None), ended):
                    return
        except BaseException as raised:  # noqa: BLE001  it is raised by whoever asks for the next item
            error = raised
        finally:
            items.close()
        _put(made, (None, error), ended)

    thread = threading.Thread(target=work, name="feed", daemon=True)
    thread.start()
    try:
        while True:
            item, error = made.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item  # pyright: ignore[reportReturnType]
    finally:
        ended.set()
        thread.join()


def _put(made: queue.Queue[T], item: T, ended: threading.Event) -> bool:
    """Put an item into a queue, and return whether anybody still wants it."""
    while not ended.is_set():
        try:
            made.put(item, timeout=0.1)
        except queue.Full:
            continue
        return True
    return False
