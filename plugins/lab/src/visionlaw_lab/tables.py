"""The finished table of a run, with the columns that 'visionlaw law fit' and 'visionlaw policy replay' read.

There is one table for each definition of A: numbers of two definitions never stand in one table.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from visionlaw import atomic
from visionlaw_lab.names import KINDS
from visionlaw_lab.questions import benchmark_of

DEFINITIONS: dict[str, str] = {"maxcos": "a", "loglik": "a_loglik"}
"""Definition of A → its column. The published columns of maxcos name the publication's references, not the lab's."""


@dataclass
class Measured:
    """What is known of a representation.

    Attributes:
        alignment: A by definition and benchmark.
        correspondence: C, % of keypoints.
        performance: Accuracy by benchmark, in %.
    """

    alignment: dict[tuple[str, str], float] = field(default_factory=dict[tuple[str, str], float])
    correspondence: float = float("nan")
    performance: Mapping[str, float] = field(default_factory=dict[str, float])


def write_table(folder: Path, definition: str, measured: Mapping[str, Measured]) -> Path:
    """Write the table of what has been trained, and return its path."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["setting", "benchmark", "kind", "performance", DEFINITIONS[definition], "c_pck010"])
    for setting, of in measured.items():
        for name, value in of.performance.items():
            benchmark = benchmark_of(name)
            A = of.alignment[definition, benchmark]
            writer.writerow(
                [setting, benchmark, KINDS[benchmark], f"{value:.4f}", f"{A:.6f}", f"{of.correspondence:.4f}"]
            )
    path = folder / f"table-{definition}.csv"
    atomic.write_bytes(path, file.getvalue().encode())
    return path
