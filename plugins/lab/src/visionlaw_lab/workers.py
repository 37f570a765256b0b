"""Work that does not wait for one another, in as many processes as there are cores, one thread each.

On matrices this small a second thread gains little, and where another process is busy the two wait for each other at
every one of them, which takes sixteen times as long.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

import torch

R = TypeVar("R")
MOST = 8


def together(tasks: Iterable[Callable[[], R]]) -> Iterator[R]:
    """Run tasks and yield what they return, in the order in which they finish; a single one in this process.

    Args:
        tasks: What a new process can import: functions of a module and their arguments, as :func:`functools.partial`
            binds them.

    Raises:
        Exception: The first that a task raises; those that have begun are finished.
    """
    todo = list(tasks)
    if len(todo) < 2:
        yield from (task() for task in todo)
        return
    count = min(len(todo), os.cpu_count() or 1, MOST)
    spawned = multiprocessing.get_context("spawn")  # a fork of a process that has used torch can hang
    with ProcessPoolExecutor(count, spawned, initializer=partial(torch.set_num_threads, 1)) as pool:
        waiting = {pool.submit(task) for task in todo}
        try:
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        finally:
            for future in waiting:
                future.cancel()


@contextmanager
def one_thread() -> Generator[None]:
    """Compute with one thread in this process, too."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
