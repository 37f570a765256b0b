"""Which representations a verb scores: those named, or all of the space that can be used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from visionlaw.cli.output import note, plural
from visionlaw.errors import DataError, InvalidIdError, UnknownIdError
from visionlaw.ids import Reference, join_representation, parse_representation, split_representation
from visionlaw.project import Project

if TYPE_CHECKING:
    from visionlaw.protocols import Representation


def usable(here: Project) -> list[str]:
    """Return the space's representations whose encoders can be used; a note tells of the others, by remedy."""
    unavailable = here.space.unavailable()
    found: list[str] = []
    lost: dict[str, int] = {}
    for name in here.space.representations:
        errors = [unavailable[part] for part in split_representation(name) if part in unavailable]
        if not errors:
            found.append(name)
        for remedy in dict.fromkeys(error.remedy for error in errors):
            lost[remedy] = lost.get(remedy, 0) + 1
    if not found:
        raise UnknownIdError(
            f"No representation of '{here.space_path}' can be scored: nothing usable provides their encoders.",
            " · ".join(lost) or "List some under [space], or name them on the command line.",
        )
    for remedy, count in lost.items():
        first = next(error for error in unavailable.values() if error.remedy == remedy)
        note(f"Left out: {plural(count, 'representation')}. {first.message} → {remedy}")
    return found


def combinable(representations: Sequence[Representation]) -> list[Representation]:
    """Return the representations that can be combined, and note the others; if there is none, that is the error."""
    from visionlaw.scoring.representations import check_combinable

    found: list[Representation] = []
    refused: list[DataError] = []
    for representation in representations:
        try:
            check_combinable(representation)
            found.append(representation)
        except DataError as error:
            refused.append(error)
    if not found:
        raise refused[0]
    for error in refused:
        note(f"Left out: {error}")
    return found


def with_layers(here: Project, names: Sequence[str], layers: str | None) -> list[str]:
    """Return the representations with each of the layers given."""
    if layers is None:
        return list(names)
    try:
        chosen = [str(int(layer)) for layer in layers.split(",")]
    except ValueError:
        raise InvalidIdError(f"--layers takes whole numbers, not '{layers}'.", "Write them as in '-1,-4,-8'.") from None
    texts = [here.space.canonical(name) for name in names]
    return [
        join_representation(
            tuple(str(Reference(part.base, {**part.options, "layer": layer})) for part in parse_representation(text))
        )
        for text in texts
        for layer in chosen
    ]
