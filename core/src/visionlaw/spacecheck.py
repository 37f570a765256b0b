"""Whether a registry.toml can work: what its schema cannot tell, since it depends on what is installed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from visionlaw.errors import ConfigError, ConflictError, NotInstalledError, PluginError, VisionlawError, did_you_mean
from visionlaw.ids import Reference, parse_reference, parse_representation
from visionlaw.space import SearchSpace
from visionlaw.spacefile import SpaceFile
from visionlaw.tomlfile import Location, line_of

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
        Remedy → the ids that it makes usable: plugins to install, or to mend.

    Raises:
        ConfigError: With ``file:line``: an id that its installed plugin does not have, that no known plugin could have,
            an unknown option, sampler, combiner or data set, a benchmark that is not under [benchmarks].
    """
    missing: dict[str, list[str]] = {}
    for kind, text, location in _named(file):
        try:
            registry.options(kind, text)
        except (NotInstalledError, PluginError, ConflictError) as error:
            missing.setdefault(error.remedy, []).append(text)
        except VisionlawError as error:
            line = line_of(path.read_text(encoding="utf-8"), location)
            raise ConfigError(f"{path}:{line}: {error.message}", error.remedy) from error
    for benchmark in file.policy.benchmarks:
        if benchmark not in file.benchmarks:
            line = line_of(path.read_text(encoding="utf-8"), ("policy", "benchmarks"))
            raise ConfigError(
                f"{path}:{line}: '{benchmark}' is not under [benchmarks].",
                did_you_mean(benchmark, file.benchmarks) or "Add it there.",
            )
    _generate(SearchSpace(file, registry, path), path)
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
    yield "combiner", file.space.combiner, ("space", "combiner")
    yield "dataset", file.correspondence.dataset, ("correspondence", "dataset")
    yield "sampler", file.policy.sampler, ("policy", "sampler")


def _encoders(part: Reference, aliases: Mapping[str, str], location: Location) -> Iterator[tuple[Kind, str, Location]]:
    for named in parse_representation(aliases.get(part.base, str(part))):
        yield "encoder", str(named), location


def _generate(space: SearchSpace, path: Path) -> tuple[str, ...]:
    """Make the combinations, for what only that can tell."""
    try:
        return space.representations
    except ConfigError:
        raise
    except VisionlawError as error:
        raise ConfigError(f"{path}: {error.message}", error.remedy) from error
