"""A training as files: checkpoints, the loss curve, the records that were left out.

::

    checkpoint-200/      what the run goes on from; made under another name, so that it is whole or not there
    metrics.jsonl        one line per optimizer step
    skipped.jsonl        one line per record that was left out
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from visionlaw import atomic
from visionlaw_mllm.records import Skipped

PREFIX = "checkpoint-"
UNFINISHED = ".writing"
METRICS = "metrics.jsonl"


def run_folder(state_dir: Path, stage: str, identity: Mapping[str, Any]) -> Path:
    """Return the folder of a training, by everything that its result depends on.

    Args:
        state_dir: :attr:`visionlaw.project.Project.state_dir`.
        stage: ``align`` or ``finetune``.
        identity: JSON values.
    """
    said = json.dumps(identity, sort_keys=True).encode()
    return state_dir / "runs" / f"{stage}-{hashlib.sha256(said).hexdigest()[:16]}"


@dataclass
class Run:
    """One process's view of a training's folder.

    Attributes:
        folder: Made where it is missing.
        rank: Which of several processes; the first one writes the loss curve and decides what a checkpoint is.
        skipped: The records left out so far, by position.
    """

    folder: Path
    rank: int = 0
    skipped: dict[int, Skipped] = field(default_factory=dict[int, Skipped])

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._skips = self.folder / (f"skipped-{self.rank}.jsonl" if self.rank else "skipped.jsonl")
        if self._skips.is_file():
            told = [Skipped(**facts) for facts in _read_lines(self._skips)]
            self.skipped = {one.position: one for one in told}

    @property
    def checkpoint(self) -> Path | None:
        """The newest checkpoint, or None."""
        found = {int(path.name.removeprefix(PREFIX)): path for path in self.folder.glob(f"{PREFIX}*")}
        return found[max(found)] if found else None

    @property
    def unfinished(self) -> Path:
        """Where a checkpoint is made."""
        return self.folder / UNFINISHED

    def publish(self, step: int) -> Path:
        """Make what has been written to :attr:`unfinished` the checkpoint of a step, and remove the older ones."""
        path = self.folder / f"{PREFIX}{step}"
        (self.unfinished / path.name).rename(path)
        for other in self.folder.glob(f"{PREFIX}*"):
            if other != path:
                shutil.rmtree(other, ignore_errors=True)
        return path

    def finish(self) -> None:
        """Remove the checkpoints of a run whose result is safe elsewhere."""
        for path in (self.unfinished, *self.folder.glob(f"{PREFIX}*")):
            shutil.rmtree(path, ignore_errors=True)

    def skip(self, record: Skipped) -> None:
        """Note a record that is left out, once."""
        if record.position in self.skipped:
            return
        self.skipped[record.position] = record
        with self._skips.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(record), ensure_ascii=False) + "\n")

    def log(self, facts: Mapping[str, Any]) -> None:
        """Add a line to the loss curve."""
        with (self.folder / METRICS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(facts, ensure_ascii=False) + "\n")

    def rewind(self, step: int) -> list[dict[str, Any]]:
        """Forget the loss curve after a step, which will be computed again, and return what is left of it."""
        path = self.folder / METRICS
        kept = [line for line in _read_lines(path) if line["step"] <= step] if path.is_file() else []
        atomic.write_bytes(path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in kept).encode())
        return kept


def _read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a file, without one that its writer was killed in."""
    lines = path.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines[:-1]]
