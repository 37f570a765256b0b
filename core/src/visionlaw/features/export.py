"""From images to files: extraction that is written as it goes, and goes on where it was stopped."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visionlaw.features.batching import default_batch
from visionlaw.features.combine import common_grid
from visionlaw.features.extractor import Extractor
from visionlaw.features.outputs import Header, Output, describe_output, open_output
from visionlaw.features.outputs.header import MANIFEST
from visionlaw.features.results import Extracted, Quarantined
from visionlaw.features.runtime import choose_device
from visionlaw.features.sources import Source, read_sources

MOST_CHARACTERS = 150  # of a folder's name; file systems take 255 bytes


@dataclass(frozen=True)
class Exported:
    """What an extraction has written.

    Attributes:
        folders: Representation → where its features are.
        images: Images with features, those of earlier runs included.
        quarantined: Images without.
        resumed: How many images had been written before.
    """

    folders: dict[str, Path]
    images: int
    quarantined: int
    resumed: int


def export(
    extractor: Extractor,
    images: Any,
    folder: str | Path,
    form: str = "safetensors",
    batch_size: int | None = None,
    strict_images: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Exported:
    """Extract features and write them, batch by batch; called again, go on at the next batch.

    One representation is written to the folder itself, several to folders in it named by their ids. A batch is in the
    files when the next one begins, so that a run that is killed loses the batch in hand at the most, and one that is
    resumed ends in the same bytes. Memory does not grow with the number of images.

    Args:
        extractor: What extracts.
        images: As for :func:`visionlaw.features.sources.read_sources`; in the same order when a run is resumed.
        folder: Empty or missing, or that of the run to resume.
        form: ``safetensors``, ``npy``, ``zarr`` or ``parquet``.
        batch_size: Images in a batch, which makes one file; None: as device and resolution suggest, or as the run that
            is resumed has it.
        strict_images: End with what is wrong with the first bad image instead of setting it aside.
        progress: Called with the number of images finished since the last call.

    Raises:
        DataError: The folder holds something else, other images or features of something else, or cannot be written to;
            with ``strict_images``, what is wrong with an image.
        MissingDependencyError: The library of the format is not installed.
        PluginError: An encoder fails.
    """
    report = progress or _silent
    folders = _folders(extractor, Path(folder))
    size = batch_size or _begun_with(folders.values()) or _default_size(extractor)
    with ExitStack() as stack:
        outputs = {
            name: stack.enter_context(open_output(folders[name], form, header))
            for name, header in _headers(extractor, size).items()
        }
        todo = _Remaining(read_sources(images), list(outputs.values()), report)
        results = extractor.stream_sources(todo, batch_size=size, strict_images=strict_images)
        for part in _batched(results, size):
            start = min(output.finished for output in outputs.values())
            for output in outputs.values():
                if output.finished == start:  # a killed run may have written one representation more than another
                    output.write(part)
            report(len(part))
        for output in outputs.values():
            output.complete(todo.positions)
        described = describe_output(next(iter(folders.values())))
        return Exported(folders, described.images, described.quarantined, todo.skipped)


def _silent(count: int) -> None:
    """Report to nobody."""


class _Remaining(Iterable[Source]):
    """The images that are not written yet; those that are, are held against what is written."""

    def __init__(self, sources: Iterator[Source], outputs: Sequence[Output], report: Callable[[int], None]) -> None:
        self.sources, self.outputs, self.report = sources, outputs, report
        self.positions = 0
        self.skipped = 0

    def __iter__(self) -> Iterator[Source]:
        for position, source in enumerate(self.sources):
            self.positions = position + 1
            # All outputs are asked: each knows its own images.
            written = [output.check(position, source.name) for output in self.outputs]
            if all(written):
                self.skipped += 1
                self.report(1)
            else:
                yield source


def _folders(extractor: Extractor, folder: Path) -> dict[str, Path]:
    names = list(extractor.representations)
    return {names[0]: folder} if len(names) == 1 else {name: folder / folder_name(name) for name in names}


def folder_name(representation: str) -> str:
    """Return a representation's id as the name of a folder: ``/`` becomes ``--``; what is too long ends in a digest."""
    name = representation.replace("/", "--").replace(" + ", "+").replace("?", ",").replace("&", ",")
    if len(name) <= MOST_CHARACTERS:
        return name
    return f"{name[:MOST_CHARACTERS]}…{hashlib.sha256(representation.encode()).hexdigest()[:12]}"


def _begun_with(folders: Iterable[Path]) -> int | None:
    """Return the batch size of the run that is to be resumed."""
    for folder in folders:
        if (folder / MANIFEST).is_file():
            return describe_output(folder).header.images_per_part
    return None


def _default_size(extractor: Extractor) -> int:
    device = choose_device(extractor.runtime.device)
    return min(default_batch(device, encoder.spec.resolution) for encoder in extractor.encoders)


def _headers(extractor: Extractor, size: int) -> dict[str, Header]:
    headers: dict[str, Header] = {}
    for name, parts in extractor.representations.items():
        alone = len(parts) == 1
        headers[name] = Header(
            representation=name,
            grid=common_grid([part.spec.grid for part in parts]),
            channels=sum(part.spec.channels for part in parts),
            # Autocast leaves some encoders' tokens in float32, and the parts of a combination are normalised in it.
            dtype=extractor.runtime.dtype if alone and not extractor.runtime.autocast else "float32",
            images_per_part=size,
            provenance={part.id: dict(part.provenance) for part in parts},
        )
    return headers


def _batched(results: Iterator[Extracted | Quarantined], size: int) -> Iterator[list[Extracted | Quarantined]]:
    while part := list(itertools.islice(results, size)):
        yield part
