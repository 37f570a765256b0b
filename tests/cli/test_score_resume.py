"""A run that is killed goes on where it stopped, and what a terminal shows of it meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ARGUMENTS = (
    *("score", "correspondence", "toy-mean", "toy-fine", "toy-mean + toy-fine", "toy-mean?power=3"),
    *("--dataset", "toypairs", "--json"),
)
IMAGES, BATCH = 5, 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_whenever_it_is_killed_the_same_command_goes_on_and_ends_alike(python, plugin: Path, tmp_path: Path) -> None:
    """Three encoders of five images each; four scores. At most the batch in hand is encoded again."""
    script = Path(__file__).with_name("killed_score.py")
    outcome = python("-W", "ignore", str(script), str(plugin), *ARGUMENTS)
    assert (outcome.code, outcome.err) == (0, "")
    runs = json.loads(outcome.out)
    ((ended, whole, encoded),) = runs.pop("whole")
    assert (ended, encoded, len(json.loads(whole))) == (0, 3 * IMAGES, 4)
    for folder, (killed, resumed, again) in runs.items():
        assert killed[:2] == [signal.SIGKILL, ""], folder
        assert json.loads(resumed[1]) == json.loads(whole), folder
        lost = BATCH if folder.startswith("keep") else 0
        assert 3 * IMAGES <= resumed[2] <= 3 * IMAGES + lost, folder
        assert again == resumed, folder


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_a_terminal_shows_progress_and_a_pipe_does_not(
    cli, plugin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pty

    code = f"import sys; sys.path.insert(0, {str(plugin)!r}); from visionlaw.cli.main import main; main()"
    screen, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "120"}
    with subprocess.Popen(
        [sys.executable, "-c", code, *ARGUMENTS],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    ) as process:
        os.close(theirs)
        shown = b""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                part = os.read(screen, 65536)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            shown += part
        assert process.stdout is not None
        out = process.stdout.read()
    os.close(screen)
    assert process.returncode == 0
    assert len(json.loads(out)) == 4, "the numbers are whole, whatever the terminal shows"
    text = shown.decode()
    assert "15/15" in text  # what is drawn before is a matter of time; the last state is always drawn
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")  # where nothing is kept: all is encoded again
    piped = cli(*ARGUMENTS)
    assert (piped.code, piped.err) == (0, "")
    assert (tmp_path / "other" / "encoded.log").exists()
