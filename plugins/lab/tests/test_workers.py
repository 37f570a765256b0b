"""Work in several processes: everything is done, and a failure is not lost."""

from __future__ import annotations

import os
from functools import partial

import pytest

from visionlaw_lab.workers import together


def test_a_single_task_stays_in_this_process() -> None:
    assert list(together([os.getpid])) == [os.getpid()]


@pytest.mark.slow
def test_several_tasks_are_done_elsewhere_each_once() -> None:
    assert sorted(together(partial(pow, 2, n) for n in range(5))) == [1, 2, 4, 8, 16]
    assert os.getpid() not in set(together([os.getpid, os.getpid]))


@pytest.mark.slow
def test_the_first_failure_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        list(together([partial(divmod, 1, 0), partial(divmod, 1, 1)]))
