"""An instance in a process of its own, with another hash seed: what depends on the process shows there.

So does what depends on the order in which a file system lists a folder, which is another one on each machine: there, it
is turned round.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from visionlaw.specs import SPEC_TYPES
from visionlaw.targets import load_target
from visionlaw.testing.checks import fail
from visionlaw.testing.samples import fingerprints, first_items, items_of, once
from visionlaw.testing.subjects import Subject

HASH_SEED = "4211"
MOST_SECONDS = 300
_CODE = "import sys; from visionlaw.testing.elsewhere import answer; answer(*sys.argv[1:])"


@dataclass(frozen=True)
class Elsewhere:
    """What an instance in another process gave.

    Attributes:
        items: The fingerprints of its first items.
        version: Of a data set; None for what has none.
    """

    items: list[str]
    version: Any


@once
def ask_elsewhere(subject: Subject) -> Elsewhere:
    """Load the tiny instance of a data set or image source in a new process, and read its first items there."""
    question, reply = subject.folder / "question.json", subject.folder / "reply.json"
    facts = {
        "kind": subject.kind,
        "spec": subject.tiny.model_dump(mode="json"),
        "distribution": subject.plugin.distribution,
        "arguments": subject.arguments(),
        "count": len(items_of(subject)),
    }
    question.write_text(json.dumps(facts, default=str), encoding="utf-8")
    paths = os.pathsep.join(str(Path(path).absolute()) for path in sys.path)  # it works in another folder
    done = subprocess.run(  # noqa: S603  no shell, and the program is this Python
        [sys.executable, "-c", _CODE, str(question), str(reply)],
        env={**os.environ, "PYTHONHASHSEED": HASH_SEED, "PYTHONPATH": paths},
        cwd=subject.home,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=MOST_SECONDS,
        check=False,
    )
    if done.returncode or not reply.is_file():
        lines = done.stderr.strip().splitlines()
        fail(
            f"In a process of its own it failed: {lines[-1].strip() if lines else 'it said nothing'}",
            "Keep what it needs in the folder, in options, or in the package.",
        )
    told = json.loads(reply.read_text(encoding="utf-8"))
    return Elsewhere(told["items"], told["version"])


def answer(question: str, reply: str) -> None:
    """Do, in the new process, what :func:`ask_elsewhere` asks."""
    _list_backwards()
    facts = cast("dict[str, Any]", json.loads(Path(question).read_text(encoding="utf-8")))
    spec = SPEC_TYPES[facts["kind"]].model_validate(facts["spec"])
    arguments = facts["arguments"]
    if arguments["root"] is not None:
        arguments["root"] = Path(arguments["root"])
    instance = load_target(spec, facts["distribution"], arguments)
    told = {"items": fingerprints(first_items(instance, more=1)), "version": getattr(instance, "version", None)}
    Path(reply).write_text(json.dumps(told, default=str), encoding="utf-8")


def _list_backwards() -> None:
    """Have this process list folders in the opposite order."""
    list_folder, scan_folder = os.listdir, os.scandir

    class Scan(contextlib.ExitStack):
        """What os.scandir returns: an iterator, and a context."""

        def __init__(self, *where: Any) -> None:
            super().__init__()
            with scan_folder(*where) as found:
                self.found = iter(list(found)[::-1])

        def __iter__(self) -> Iterator[Any]:
            return self.found

        def __next__(self) -> Any:
            return next(self.found)

    os.listdir = lambda *where: list_folder(*where)[::-1]  # pyright: ignore
    os.scandir = Scan  # pyright: ignore
