"""What the store promises to several processes, and to one that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from visionlaw.store import Store

WRITE_THEN_HANG = """
import os, sys
from visionlaw.store import ScoreRow, Store
from visionlaw.store.schema import Score
row = lambda value: ScoreRow("a/b@2", "s", "d", "1", "strict", value, params={"value": value})
store = Store.open(sys.argv[1])
run = store.start_run("test", {})
store.record_scores([row(1.0), row(2.0)], run)
with store.writing() as session:
    for score in session.query(Score):
        session.delete(score)
    session.flush()
    print("in the middle", flush=True)
    sys.stdin.read()
"""

WRITE_MANY = """
import sys
from visionlaw.store import ScoreRow, Store
sys.stdin.readline()
for i in range(15):
    with Store.open(sys.argv[1]) as store:
        run = store.start_run("test", {})
        store.record_scores([ScoreRow(f"{sys.argv[2]}/r@{i + 1}", "s", "d", "1", "strict", 1.0)], run)
        store.finish_run(run)
"""


def start(script: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def test_a_process_killed_in_a_transaction_leaves_the_last_committed_state(tmp_path: Path) -> None:
    path = tmp_path / "results.sqlite"
    process = start(WRITE_THEN_HANG, str(path))
    assert process.stdout is not None
    assert process.stdout.readline() == "in the middle\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with Store.open(path) as store:
        assert [row.value for row in store.scores()] == [1.0, 2.0]
        store.record_scores([], store.start_run("test", {}))  # and the lock is gone


def test_processes_that_create_and_write_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "results.sqlite"
    names = ["a", "b", "c"]
    processes = [start(WRITE_MANY, str(path), name) for name in names]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        _, errors = process.communicate()
        assert process.returncode == 0, errors
    with Store.open(path) as store:
        assert {row.representation for row in store.scores()} == {
            f"{name}/r@{i + 1}" for name in names for i in range(15)
        }
