"""What a scorer needs beside images: a language model, reference encoders, projectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from visionlaw.errors import ConfigError, DataError
from visionlaw.ids import parse_reference, split_representation
from visionlaw.project import Project
from visionlaw.protocols import Representation
from visionlaw.specs import ScorerSpec

if TYPE_CHECKING:
    from visionlaw.alignment.language import LanguageRef
    from visionlaw.features.runtime import Runtime


def language_of(project: Project, spec: ScorerSpec, name: str | None, revision: str | None) -> LanguageRef | None:
    """Return the language model that is given, else the project's; None where the scorer needs none.

    Raises:
        ConfigError: It is needed, and none is named.
        WeightsError: It is not there.
    """
    if not {"language", "projectors"} & {*spec.needs}:
        return None
    asked = (name, revision) if name is not None else project.space.language
    if asked is None:
        raise ConfigError(
            f"The scorer '{spec.id}' needs a language model, and none is named.",
            'Write model = "FOLDER" under [language] of registry.toml, or give --lm FOLDER.',
        )
    from visionlaw.alignment.language import find_language

    return find_language(*asked)


def is_aside(project: Project, name: str | None, revision: str | None) -> bool:
    """Whether the language model that is given is another one than the project's."""
    own = project.space.language
    if name is None or own is None:
        return False
    return (_where(name), revision) != (_where(own[0]), own[1])


def _where(language: str) -> str:
    """Return a language model's name; of a folder its whole path."""
    folder = Path(language).expanduser()
    return str(folder.resolve()) if folder.is_dir() else language


def references_of(
    project: Project, spec: ScorerSpec, runtime: Runtime | None, checkpoints: Mapping[str, Path]
) -> list[Representation]:
    """Return the references that registry.toml names; none where the scorer needs none.

    Raises:
        ConfigError: They are needed, and none are named.
        UnknownIdError, ConflictError, PluginError, InvalidIdError, WeightsError: One cannot be used.
    """
    if "references" not in spec.needs:
        return []
    names = project.space.references
    if not names:
        raise ConfigError(
            f"The scorer '{spec.id}' measures against references, and none are named.",
            "Write references = [ID, …] under [alignment] of registry.toml.",
        )
    bases = {parse_reference(part).base for name in names for part in split_representation(name)}
    own = {n: folder for n, folder in checkpoints.items() if parse_reference(project.space.canonical(n)).base in bases}
    return project.representations(names, runtime, own)


def untrained(names: Sequence[str], what: str = "representation") -> DataError:
    """Return the error about representations without projector."""
    several = len(names) > 1
    listed = ", ".join(f"'{name}'" for name in names)
    return DataError(
        f"The {what}{'s' if several else ''} {listed} {'have' if several else 'has'} no projector for this language "
        "model.",
        f"Train {'them' if several else 'it'}: visionlaw align " + " ".join(f'"{name}"' for name in names),
    )
