"""Write docs/explanation/weight-free-table.md: encoders without trained weights on warps and textpairs.

    python docs/tables.py

The classical encoders, and a ViT whose weights are random, through `visionlaw.scoring.correspondence`, the last by way
of a checkpoint folder as anyone's own weights. Nothing is downloaded; one thread, so that the page is the same each
time.
"""

from __future__ import annotations

import itertools
import platform
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from visionlaw.atomic import write_bytes

if TYPE_CHECKING:
    from visionlaw.correspondence.bootstrap import Bootstrap
    from visionlaw.correspondence.pairs import Matches, PairTable

PAGE = Path(__file__).parent / "explanation" / "weight-free-table.md"
NOTICE = "<!-- Written by docs/tables.py: do not edit. `make table` writes it anew. -->\n\n"

ALPHA = 0.10
RESAMPLES = 10_000  # as many as Holm's correction over a hundred comparisons needs
CONTROL = "classical/random@"
VIT = "timm/vit_small_patch16_224.augreg_in21k@224"
VIT_NAME = "ViT-S/16@224, random weights"
VIT_MODEL, VIT_SEED = "vit_small_patch16_224", 0
# The data sets' thresholds and the encoders' windows were chosen on seeds 0 and 1.
DATASETS = {
    "warps": "warps?seed=2",
    "textpairs, level 0": "textpairs?seed=2&level=0&pairs=120",
    "textpairs, level 1": "textpairs?seed=2&level=1&pairs=120",
}
CLASSICAL = tuple(
    f"classical/{name}@{side}"
    for name in ("daisy", "dct", "gabor", "hog", "lbp", "random", "rgb")
    for side in (256, 384)
)
LIBRARIES = ("visionlaw", "numpy", "Pillow", "scikit-image", "matplotlib", "torch", "timm")

TOP = f"""# Encoders without trained weights, on two data sets that need no download

What does C look like before anything has been learned? This page has the hand-crafted encoders of
[visionlaw-classical](../../plugins/classical/README.md), its control (`{CONTROL}…`, four random convolutions), and a
ViT-S/16 **whose weights are random**: timm's architecture and initialisation, torch's seed {VIT_SEED}, saved as
safetensors and given to `{VIT}` in the place of the trained weights, which take no part. Its row says what the
architecture gives by itself; it says nothing about the trained model of that name.

Protocol `strict`, matcher `argmax`, α = {ALPHA:g}. 95% intervals: percentile bootstrap over pairs, {RESAMPLES:,}
resamples, seed 0.
"""

CONCLUSIONS = """## What one may conclude, and what not

- **A difference counts where the last column does not name the other encoder's rank.** Encoders see the same pairs,
  so they are compared pair by pair ([how](correspondence.md)), and two intervals of C that
  overlap can still belong to two encoders that differ.
  *Ties with* names the encoders whose difference could be noise: p over pairs, corrected after Holm for all
  comparisons of the table, is 0.05 or more. A tie is no proof of equality.
- **The ceiling is the grid's**: what an oracle reaches that always takes the token nearest to the truth. Compare
  encoders of different grids in its light.
- **The random rows are the floor of an architecture**, for one draw of weights: another draw gives another number. A
  trained encoder that does not clearly exceed its random twin has learned nothing that this data set asks for. The
  random ViT's position embeddings are the same in both images: where the layout hardly changes, as in textpairs at
  level 0, they may find keypoints by their place alone.
- **Intervals tell about further pairs of the same kind**, not about other photographs or other generators: warps has
  eight photographs, and pairs that share one are not independent.
- Nothing here is C of SPair-71k, and none of it belongs into a law's fit with published figures.
"""


@dataclass(frozen=True)
class Entry:
    """An encoder's matches on one data set, and the ceiling of its grid in %."""

    name: str
    grid: tuple[int, int]
    matches: Matches
    ceiling: float


def main() -> None:
    """Measure and write the page."""
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        write_bytes(PAGE, page(DATASETS, CLASSICAL, Path(folder)).encode())
    sys.stdout.write(f"{PAGE}\n")


def page(datasets: Mapping[str, str], classical: Sequence[str], folder: Path) -> str:
    """Return the page.

    Args:
        datasets: Heading → id of the data set with its options.
        classical: Ids of the classical encoders.
        folder: Where the random weights and the features go.
    """
    checkpoint = save_random_vit(folder / "random-vit")
    parts = [TOP, "\n".join(_commands(datasets, classical))]
    for heading, dataset in datasets.items():
        parts.append(section(heading, dataset, *measure(dataset, (*classical, VIT), checkpoint, folder)))
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in LIBRARIES)
    made = f"## Made with\n\nPython {platform.python_version()}, {versions}; one thread, {platform.machine()}.\n"
    return NOTICE + "\n".join([*parts, CONCLUSIONS, made])


def save_random_vit(folder: Path) -> Path:
    """Save a ViT with timm's random initialisation as a folder of timm's, and return the folder."""
    import timm
    import timm.models
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(VIT_SEED)
        model = timm.create_model(VIT_MODEL, pretrained=False)
    timm.models.save_for_hf(model, str(folder), safe_serialization=True)
    return folder


def measure(dataset: str, encoders: Sequence[str], checkpoint: Path, folder: Path) -> tuple[PairTable, list[Entry]]:
    """Return the pairs and the encoders' matches, the best first."""
    from visionlaw.project import Project
    from visionlaw.scoring.correspondence import MeasuringC
    from visionlaw.spacefile import default_path

    project = Project(default_path(), folder)
    representations = project.representations(encoders, checkpoints={VIT: checkpoint} if VIT in encoders else {})
    measuring = MeasuringC.prepare(project, dataset=dataset, alpha=ALPHA, protocol="strict", matcher="argmax")
    table, found = measuring.matches(representations)
    sizes = [pair.target.load().size for pair in table.pairs]
    ceilings: dict[tuple[int, int], float] = {}
    entries: list[Entry] = []
    for representation, matches in found:
        name, grid = representation[0].id, representation[0].spec.grid
        if grid not in ceilings:
            ceilings[grid] = 100 * float(oracle(table, sizes, grid).shares(ALPHA).mean())
        entries.append(Entry(VIT_NAME if name == VIT else f"`{name}`", grid, matches, ceilings[grid]))
    return table, sorted(entries, key=lambda entry: (-entry.matches.shares(ALPHA).mean(), entry.name))


def oracle(table: PairTable, sizes: Sequence[tuple[int, int]], grid: tuple[int, int]) -> Matches:
    """Return the matches of one who always takes the token that is nearest to a true position, of squashed images."""
    from visionlaw.correspondence.pairs import Matches
    from visionlaw.features.geometry import Geometry

    truth = table.truth
    found, errors = np.zeros((table.keypoints, 2)), np.full(table.keypoints, np.inf)
    for keypoint, point, size in zip(truth.keypoint, truth.points, truth.size, strict=True):
        image = sizes[int(table.owner[keypoint])]
        tokens = Geometry.of_resize(image, (grid[1], grid[0]), (0, 0), 1, 1, grid).cell_centres()
        distances = np.linalg.norm(tokens - point, axis=1) / size
        if distances.min() < errors[keypoint]:
            errors[keypoint], found[keypoint] = distances.min(), tokens[distances.argmin()]
    return Matches(table, found, errors)


def section(heading: str, dataset: str, table: PairTable, entries: Sequence[Entry]) -> str:
    """Return the heading, the data and the table of one data set."""
    from visionlaw.correspondence.bootstrap import Bootstrap

    bootstrap = Bootstrap.draw(table, RESAMPLES)
    best, ties = entries[0], tied(entries, bootstrap)
    lines = [
        f"## {heading}",
        "",
        f"`{dataset}`: {len(table)} pairs, {table.keypoints:,} keypoints. {_told_apart(entries, ties)}",
        "",
        "| | encoder | grid | ceiling | C | 95% | per keypoint | 95% | to the best | 95% | ties with |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for rank, entry in enumerate(entries):
        lines.append(f"| {rank + 1} | {' | '.join(_cells(entry, best, bootstrap))} | {_ranks(ties[rank])} |")
    return "\n".join([*lines, ""])


def tied(entries: Sequence[Entry], bootstrap: Bootstrap) -> list[set[int]]:
    """Return, for each encoder, which others could be as good: Holm's procedure at 5% over all comparisons."""
    from visionlaw.correspondence.statistics import compare

    couples = list(itertools.combinations(range(len(entries)), 2))
    found = [compare(entries[a].matches, entries[b].matches, ALPHA, bootstrap).p for a, b in couples]
    ties: list[set[int]] = [set() for _ in entries]
    rejecting = True
    for done, at in enumerate(np.argsort(found, kind="stable")):
        rejecting = rejecting and found[at] < 0.05 / (len(couples) - done)
        if not rejecting:
            one, other = couples[at]
            ties[one].add(other)
            ties[other].add(one)
    return ties


def _cells(entry: Entry, best: Entry, bootstrap: Bootstrap) -> Iterator[str]:
    from visionlaw.correspondence.pck import pck
    from visionlaw.correspondence.statistics import compare

    score, found = pck(entry.matches, ALPHA), bootstrap.intervals(entry.matches, ALPHA)
    yield from (entry.name, f"{entry.grid[0]}×{entry.grid[1]}", f"{entry.ceiling:.1f}")
    yield from (
        f"{score.value:.1f}",
        _interval(found.value),
        f"{score.per_keypoint:.1f}",
        _interval(found.per_keypoint),
    )
    if entry is best:
        yield from ("", "")
    else:
        difference = compare(entry.matches, best.matches, ALPHA, bootstrap)
        yield from (_signed(difference.difference), _interval(difference.interval))


def _told_apart(entries: Sequence[Entry], ties: Sequence[set[int]]) -> str:
    count = len(entries) * (len(entries) - 1) // 2
    return f"Of {count} comparisons, {count - sum(map(len, ties)) // 2} are more than noise."


def _interval(bounds: tuple[float, float]) -> str:
    return f"{_signed(bounds[0])} to {_signed(bounds[1])}".replace("+", "")


def _signed(value: float) -> str:
    return f"{value:+.1f}".replace("-", "−")


def _ranks(others: set[int]) -> str:
    """Return ranks as ranges: 2–4, 7."""
    runs: list[list[int]] = []
    for rank in sorted(other + 1 for other in others):
        if runs and runs[-1][-1] == rank - 1:
            runs[-1].append(rank)
        else:
            runs.append([rank])
    return ", ".join(f"{run[0]}–{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs) or "none"


def _commands(datasets: Mapping[str, str], classical: Sequence[str]) -> Iterator[str]:
    yield "The same from the command line, the random ViT aside:"
    yield ""
    yield "```console"
    names = ",".join(sorted({name.removeprefix("classical/").partition("@")[0] for name in classical}))
    sides = ",".join(sorted({name.partition("@")[2] for name in classical}))
    for dataset in datasets.values():
        yield f'$ visionlaw score correspondence classical/{{{names}}}@{{{sides}}} --dataset "{dataset}"'
    yield "```"
    yield ""
    yield "`make table` writes this page, with the ViT: it saves the weights in a folder, and gives that as"
    yield "`--checkpoint` does."
    yield ""


if __name__ == "__main__":
    main()
