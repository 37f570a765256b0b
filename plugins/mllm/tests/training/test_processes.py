"""Trainings in processes of their own: killed, and several at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from visionlaw.alignment.language import LanguageRef

TRAIN = """
import os, signal, sys
from pathlib import Path
import torch
from visionlaw.alignment.language import find_language
from visionlaw.project import Project
from visionlaw_mllm.align import align
from visionlaw_mllm.recipes import STAGE1, find_recipe
from visionlaw_mllm.runs import Run

torch.set_num_threads(1)
root, language, data, dies_writing, dies_at = sys.argv[1:]
die = lambda: os.kill(os.getpid(), signal.SIGKILL)
publish = Run.publish
Run.publish = lambda run, step: die() if step == int(dies_writing) else publish(run, step)
project = Project.find(Path(root) / "registry.toml")
align(
    project,
    project.representations(["classical/rgb@256", "classical/dct@256 + classical/rgb@256"]),
    find_language(language),
    data,
    recipe=find_recipe(STAGE1, global_batch=4, steps=6, lr=1e-2),
    progress=lambda stage, done, total: die() if done == int(dies_at) else None,
    batch_size=2,
    checkpoint_every=2,
)
"""


@pytest.fixture
def train(tmp_path: Path, literate: LanguageRef, make_pairs: Callable[..., Path]) -> Callable[..., int]:
    """Return a function that trains in a process, or in two, and returns how it ended."""
    pairs = make_pairs(tmp_path, 12)

    def run(name: str, dies_writing: int = -1, dies_at: int = -1, processes: int = 1) -> int:
        root = tmp_path / name
        root.mkdir(exist_ok=True)
        (root / "registry.toml").write_text("")
        (tmp_path / "train.py").write_text(TRAIN)
        several = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
        command = [sys.executable, *(several if processes > 1 else [])]
        command += map(str, [tmp_path / "train.py", root, literate.folder, pairs, dies_writing, dies_at])
        return subprocess.run(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, timeout=300).returncode

    return run


def curve(root: Path) -> list[dict[str, Any]]:
    (path,) = root.glob(".visionlaw/runs/align-*/metrics.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


def projectors(root: Path) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in root.glob(".visionlaw/projectors/*/*/*.safetensors")}


@pytest.mark.slow
def test_killed_in_mid_write_and_in_mid_step_it_goes_on_to_the_same_result(
    train: Callable[..., int], tmp_path: Path
) -> None:
    assert train("whole") == 0
    assert train("killed", dies_writing=4) == -signal.SIGKILL
    (checkpoint,) = (tmp_path / "killed").glob(".visionlaw/runs/align-*/checkpoint-*")
    assert checkpoint.name == "checkpoint-2"
    assert train("killed", dies_at=5) == -signal.SIGKILL
    assert not projectors(tmp_path / "killed")
    assert train("killed") == 0
    assert curve(tmp_path / "killed") == curve(tmp_path / "whole")
    assert projectors(tmp_path / "killed") == projectors(tmp_path / "whole") != {}


@pytest.mark.slow
def test_two_processes_share_the_records_of_every_step(train: Callable[..., int], tmp_path: Path) -> None:
    assert train("one") == 0
    assert train("two", processes=2) == 0
    for one, two in zip(curve(tmp_path / "one"), curve(tmp_path / "two"), strict=True):
        assert two["losses"] == pytest.approx(one["losses"], rel=1e-3)
        assert two["lr"] == one["lr"]
    assert projectors(tmp_path / "two").keys() == projectors(tmp_path / "one").keys()
    (card, *_) = (tmp_path / "two").glob(".visionlaw/projectors/*/*/projector.json")
    assert json.loads(card.read_text())["training"]["processes"] == 2
