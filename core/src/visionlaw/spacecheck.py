"""Whether a registry.toml can work: what its schema cannot tell, since it depends on what is installed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from visionlaw.errors import (
    UNAVAILABLE,
    ConfigError,
    ConflictError,
    NotInstalledError,
    PluginError,
    VisionlawError,
    did_you_mean,
)
from visionlaw.ids import Reference, parse_reference, parse_representation
from visionlaw.space import SearchSpace
from visionlaw.spacefile import SpaceFile
from visionlaw.specs import DatasetSpec
from visionlaw.tomlfile import Location, line_of, written_key

if TYPE_CHECKING:
    from visionlaw.registry import Registry
    from visionlaw.specs import Kind


def check_space(file: SpaceFile, path: Path, registry: Registry) -> dict[str, tuple[str, ...]]:
    """Find the first mistake in a registry.toml, or return what is missing for using all of it.

    Args:
        file: The validated file.
        path: Where it is.
        registry: What is installed.

    Returns:
        Remedy → the ids that it makes usable: plugins to install, or to mend, and files and folders of data to give.

    Raises:
        ConfigError: With ``file:line``: an id that its installed plugin does not have, that no known plugin could have,
            an unknown option, sampler, combiner, scorer, data set or image source, one scorer for both A and C, a
            benchmark that is not under [benchmarks].
    """
    missing: dict[str, list[str]] = {}
    for kind, text, location in _named(file):
        try:
            registry.options(kind, text)
        except (NotInstalledError, PluginError, ConflictError) as error:
            missing.setdefault(error.remedy, []).append(text)
        except VisionlawError as error:
            raise _at(path, location, error.message, error.remedy) from error
    policy = file.policy
    named = (("benchmarks", policy.benchmarks), ("weights", policy.weights))
    for setting, benchmark in ((setting, benchmark) for setting, keys in named for benchmark in keys):
        if benchmark not in file.benchmarks:
            remedy = did_you_mean(benchmark, file.benchmarks) or "Add it there."
            raise _at(path, ("policy", setting), f"'{benchmark}' is not under [benchmarks].", remedy)
    space = SearchSpace(file, registry, path)
    _check_scorers(space, path, registry)
    _generate(space, path)
    for remedy, lacking in (*_folders(space, registry), *_image_paths(space)):
        missing.setdefault(remedy, []).append(lacking)
    return {remedy: tuple(dict.fromkeys(ids)) for remedy, ids in missing.items()}


def _named(file: SpaceFile) -> Iterator[tuple[Kind, str, Location]]:
    """Yield every id that the file names, with the place where it does."""
    aliases = file.space.aliases
    for index, text in enumerate(file.space.representations):
        for part in parse_representation(aliases.get(text, text)):
            yield from _encoders(part, aliases, ("space", "representations", index))
    for combine in file.space.combine:
        for text in combine.of:
            yield from _encoders(parse_reference(text), aliases, ("space", "combine", "of"))
    for alias, text in aliases.items():
        for part in parse_representation(text):
            yield "encoder", str(part), ("space", "aliases", alias)
    for text in file.costs.hours:
        for part in parse_representation(aliases.get(text, text)):
            yield from _encoders(part, aliases, ("costs", "hours", text))
    yield "combiner", file.space.combiner, ("space", "combiner")
    yield "dataset", file.correspondence.dataset, ("correspondence", "dataset")
    for dataset in file.correspondence.roots:
        yield "dataset", dataset, ("correspondence", "roots", dataset)
    for benchmark, settings in file.benchmarks.items():
        if settings.correspondence is not None:
            yield "dataset", settings.correspondence, ("benchmarks", benchmark, "correspondence")
        if settings.images is not None:
            yield "image_source", settings.images, ("benchmarks", benchmark, "images")
    if file.alignment.captions is not None:
        yield "image_source", file.alignment.captions, ("alignment", "captions")
    for index, text in enumerate(file.alignment.references):
        for part in parse_representation(aliases.get(text, text)):
            yield from _encoders(part, aliases, ("alignment", "references", index))
    yield "scorer", file.alignment.definition, ("alignment", "definition")
    yield "scorer", file.correspondence.scorer, ("correspondence", "scorer")
    yield "sampler", file.policy.sampler, ("policy", "sampler")


def _encoders(part: Reference, aliases: Mapping[str, str], location: Location) -> Iterator[tuple[Kind, str, Location]]:
    for named in parse_representation(aliases.get(part.base, str(part))):
        yield "encoder", str(named), location


def _check_scorers(space: SearchSpace, path: Path, registry: Registry) -> None:
    """Refuse one scorer for both: the law needs two that differ."""
    named = registry.canonical("scorer", space.correspondence.scorer)
    if space.alignment_scorer == named:
        raise _at(
            path,
            ("alignment", "definition"),
            f"the scorer '{named}' is both A, here, and C, under [correspondence].",
            "Name two scorers: visionlaw list --kind scorer",
        )


def _folders(space: SearchSpace, registry: Registry) -> Iterator[tuple[str, str]]:
    """Yield (remedy, data set) where a folder is missing: not given, or not there."""
    for name, folder in space.roots.items():
        if not folder.is_dir():
            yield f"'{folder}' is not a folder: mend {name} under [correspondence.roots] of registry.toml", name
    for dataset in space.correspondence_datasets():
        try:
            spec = registry.get("dataset", dataset).spec
        except UNAVAILABLE:
            continue
        if isinstance(spec, DatasetSpec) and spec.needs_root and space.root_of(dataset) is None:
            get = f" (get the data from {spec.homepage})" if spec.homepage else ""
            yield f'write {written_key(spec.id)} = "FOLDER" under [correspondence.roots] of registry.toml{get}', dataset


def _image_paths(space: SearchSpace) -> Iterator[tuple[str, str]]:
    """Yield (remedy, image source) where the file or folder that is given is not there."""
    given = {
        f"images_root of {benchmark} under [benchmarks]": space.images_of(benchmark) for benchmark in space.benchmarks
    }
    for setting, images in {**given, "captions_root under [alignment]": space.captions}.items():
        if images is not None and images.root is not None and not images.root.exists():
            yield f"'{images.root}' is not there: mend {setting} of registry.toml", images.source


def _at(path: Path, location: Location, message: str, remedy: str) -> ConfigError:
    """Return the error that names the line of a setting."""
    return ConfigError(f"{path}:{line_of(path.read_text(encoding='utf-8'), location)}: {message}", remedy)


def _generate(space: SearchSpace, path: Path) -> tuple[str, ...]:
    """Make the combinations, for what only that can tell."""
    try:
        return space.representations
    except ConfigError:
        raise
    except VisionlawError as error:
        raise ConfigError(f"{path}: {error.message}", error.remedy) from error
