"""Run as a program: an extraction whose parts are whole-sized, for what a process of its own shows.

Arguments: format, folder, number of parts. Prints a line after each part, with the peak of its memory so far, in KiB.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import torch

from visionlaw.features.geometry import Geometry
from visionlaw.features.maps import FeatureMap
from visionlaw.features.outputs import Header, open_output, read_output
from visionlaw.features.results import Extracted

HEADER = Header("toy/wide@256", (16, 16), 256, images_per_part=4)
GEOMETRY = Geometry((640, 480), (16, 16), (0.1, 0.2), (0.3, 0.4))


def part(number: int) -> list[Extracted]:
    made = torch.Generator().manual_seed(number)
    size = HEADER.images_per_part
    tokens = torch.randn((size, 256, 256), generator=made)
    names = [f"{number * size + row}.jpg" for row in range(size)]
    return [
        Extracted(name, name, {HEADER.representation: FeatureMap(one, GEOMETRY)})
        for name, one in zip(names, tokens, strict=True)
    ]


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main(form: str, folder: Path, parts: int) -> None:
    torch.set_num_threads(1)
    with open_output(folder, form, HEADER) as output:
        for number in range(output.finished // HEADER.images_per_part, parts):
            output.write(part(number))
            print(number, peak(), flush=True)
        output.complete(parts * HEADER.images_per_part)
    for number, _ in enumerate(read_output(folder)):
        if number % HEADER.images_per_part == 0:
            print("read", peak(), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
