"""Run as a program: extractions that die by SIGKILL, each at another of the moments at which files change.

Arguments: format, folder. Below the folder, ``whole`` is written without interruption, and ``killed-N`` by a process
that dies before the Nth time that it opens, renames or removes a file or makes a folder, then by one that dies half as
far into its work, then by one that may finish. Prints the number of moments, and a line per folder unlike ``whole``.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from visionlaw.features.geometry import Geometry
from visionlaw.features.maps import FeatureMap
from visionlaw.features.outputs import Format, Header, open_output
from visionlaw.features.outputs.codecs import find_codec
from visionlaw.features.results import Extracted, Quarantined

HEADER = Header("toy/mean@64", (2, 3), 4, images_per_part=2)
BAD = (0, 2, 3)
COUNT = 7
EVENTS = {"open", "os.rename", "os.remove", "os.mkdir"}


def item(index: int) -> Extracted | Quarantined:
    if index in BAD:
        return Quarantined(f"{index}.jpg", "It is broken.")
    tokens = torch.arange(24, dtype=torch.float32).reshape(6, 4) + index
    features = FeatureMap(tokens, Geometry((60, 40), (2, 3), (0.1, 0.2), (0.3, 0.4)))
    return Extracted(f"{index}.jpg", str(index), {HEADER.representation: features})


def run(folder: Path, form: str) -> None:
    with open_output(folder, form, HEADER) as output:
        begun = output.finished
        for position in range(begun):
            output.check(position, f"{position}.jpg")
        for start in range(begun, COUNT, 2):
            output.write([item(index) for index in range(start, min(start + 2, COUNT))])
        output.complete(COUNT)


def count_moments(folder: Path, at: Callable[[int], None]) -> None:
    """Call back before every change of a file in a folder, with its number."""
    moments = 0

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal moments
        if event in EVENTS and str(arguments[0]).startswith(str(folder)):
            moments += 1
            at(moments)

    sys.addaudithook(hook)


def in_child(work: Callable[[], None]) -> int:
    """Do something in a process of its own; return how that ended."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1]


def killed_at(moment: int, folder: Path, form: str) -> int:
    def die(number: int) -> None:
        if number == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    def work() -> None:
        count_moments(folder, die)
        run(folder, form)

    return in_child(work)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def main(form: str, folder: Path) -> None:
    torch.set_num_threads(1)
    find_codec(Format(form))  # its library is imported once, before the forks
    assert in_child(lambda: run(folder / "whole", form)) == 0
    whole = content(folder / "whole")
    moment = 1
    while killed_at(moment, folder / f"killed-{moment}", form) == signal.SIGKILL:
        place = folder / f"killed-{moment}"
        killed_at(moment // 2 + 1, place, form)
        ended = in_child(lambda place=place: run(place, form))
        if ended != 0 or content(place) != whole:
            print(f"moment {moment}: ended with {ended}", sorted(content(place).items() ^ whole.items()))
        moment += 1
    if content(folder / f"killed-{moment}") != whole:
        print("a run that was watched, not killed, differs")
    print(moment - 1)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
