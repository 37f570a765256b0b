"""Run as a program: a command that dies by SIGKILL, each time at another moment, and is then given again.

Arguments: the plugin's folder, then the command's words. In a folder of its own below the working directory, the
command runs undisturbed (``whole``), or dies at the moment that the folder is named after, and then runs twice. Prints
as JSON: folder → how the first run ended, what each printed, and how many images had been encoded after each.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from visionlaw.cli.main import main
from visionlaw.correspondence import matching, streaming  # imported once, before the forks
from visionlaw.features.cache import FeatureCache
from visionlaw.store import Store

BATCH = 2
MOMENTS = (
    *(("encode", 2), ("encode", 6), ("keep", 1), ("keep", 5)),
    *(("search", 1), ("search", 6), ("score", 1), ("score", 3)),
)


def run(folder: Path, words: list[str], moment: tuple[str, int] | None) -> tuple[int, str, int]:
    """Run the command in a process of its own; return how that ended, what it printed, and images encoded so far."""
    folder.mkdir(exist_ok=True)
    child = os.fork()
    if child == 0:
        os.chdir(folder)
        sys.stdout = Path("out").open("w")  # noqa: SIM115  the process ends with it
        sys.argv = ["visionlaw", *words]
        torch.set_num_threads(1)
        stream: Any = streaming.extract_stream
        streaming.extract_stream = lambda *given, **more: stream(*given, batch_size=BATCH, **more)
        if moment is not None:
            die_at(*moment)
        try:
            main()
        finally:
            sys.stdout.close()
            os._exit(0)
    status = os.waitpid(child, 0)[1]
    log = folder / "encoded.log"
    encoded = sum(int(line.split()[1]) for line in log.read_text().splitlines()) if log.exists() else 0
    return status, (folder / "out").read_text(), encoded


def die_at(what: str, after: int) -> None:
    """Die before the nth batch is encoded or kept, the nth target searched, or the nth score stored."""
    import fixture_toyscore_net

    owner, name = {
        "encode": (fixture_toyscore_net.Toy, "encode"),
        "keep": (FeatureCache, "put"),
        "search": (streaming._Run, "search"),
        "score": (Store, "record_scores"),
    }[what]
    original: Callable[..., Any] = getattr(owner, name)
    count = 0

    def counted(*given: Any, **more: Any) -> Any:
        nonlocal count
        count += 1
        if count == after:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*given, **more)

    setattr(owner, name, counted)


if __name__ == "__main__":
    assert matching
    sys.path.insert(0, sys.argv[1])
    command = sys.argv[2:]
    told = {"whole": [run(Path("whole"), command, None)]}
    for moment in MOMENTS:
        place = Path("{}-{}".format(*moment))
        told[place.name] = [run(place, command, moment), run(place, command, None), run(place, command, None)]
    sys.stdout.write(json.dumps(told))
