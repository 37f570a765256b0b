"""registry.toml: which representations are in play, how they are scored, on which benchmarks, by which policy.

The nearest registry.toml upwards from the working directory wins; without one, the file shipped with visionlaw (all
settings of both publications) is used. :class:`SpaceFile` is the file as written; :class:`SearchSpace` is what it
means once the installed plugins are known: aliases resolved, combinations generated.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from visionlaw.errors import ConfigError, InvalidIdError, UnknownIdError, did_you_mean
from visionlaw.ids import Reference, parse_representation
from visionlaw.tomlfile import read_toml

if TYPE_CHECKING:
    from visionlaw.registry import Registry
    from visionlaw.specs import EncoderSpec

FILE_NAME = "registry.toml"
MOST_REPRESENTATIONS = 100_000


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _check_grammar(text: str) -> str:
    try:
        parse_representation(text)
    except InvalidIdError as error:
        raise ValueError(str(error)) from error
    return text


RepresentationText = Annotated[str, AfterValidator(_check_grammar)]


class Combine(_Section):
    """Combinations to generate."""

    of: tuple[RepresentationText, ...] = Field(min_length=1, description="The encoders to combine: ids or aliases.")
    size: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        default=(1, 2), description="How many encoders a combination has."
    )
    same_grid: bool = Field(default=False, description="Whether only encoders of one grid size are combined.")


class Space(_Section):
    """The representations in play."""

    representations: tuple[RepresentationText, ...] = Field(
        default=(), description="Single ids, 'a', and combinations, 'a + b'."
    )
    combine: tuple[Combine, ...] = Field(
        default=(), description="Combinations to generate: one table, or a list of them."
    )
    aliases: dict[str, str] = Field(default={}, description="Other names of representations, such as published ones.")

    @field_validator("combine", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return [value] if isinstance(value, dict) else value


class Alignment(_Section):
    """How A is defined."""

    definition: Literal["maxcos", "loglik"] = Field(default="maxcos", description="maxcos (ICLR) or loglik (COLM).")
    references: tuple[str, ...] = Field(default=(), description="maxcos: the encoders that A is measured against.")
    images: Annotated[int, Field(ge=1)] = Field(
        default=100, description="Images per benchmark, or image–caption pairs."
    )


class Correspondence(_Section):
    """How C is measured."""

    dataset: str = Field(default="warps", description="Id of the correspondence data set.")
    protocol: Literal["strict"] = Field(default="strict", description="How keypoints are mapped and judged.")
    alpha: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.10, description="Share of the object's size that counts as hit."
    )


class Benchmark(_Section):
    """One MLLM benchmark."""

    name: str = Field(description="Its name in full.")
    kind: Literal["vision", "ocr"] = Field(description="Which group it is averaged with.")
    images: str | None = Field(default=None, description="Id of the image source with its images, for A.")
    higher_is_better: bool = Field(default=True, description="Whether a higher performance is better.")


class Policy(_Section):
    """How trainings are chosen."""

    sampler: str = Field(default="region", description="Id of the sampler.")
    budget: Annotated[int, Field(ge=1)] = Field(default=4, description="How many finetunings may be asked for.")
    mode: Literal["single", "joint"] = Field(
        default="joint", description="One benchmark, or one finetuning for several."
    )
    benchmarks: tuple[str, ...] = Field(default=(), description="Keys of [benchmarks]; empty: all of them.")
    seed: int = Field(default=0, description="Seed of the sampler's random choices.")
    scores: str | None = Field(
        default=None,
        description="Where A and C come from: a published table (iclr2025, colm2025), a CSV file, or, when absent, "
        "what this project has measured.",
    )


class Plugins(_Section):
    """Which plugins may be imported."""

    disabled: tuple[str, ...] = Field(default=(), description="Distribution or plugin names that are never imported.")


class SpaceFile(_Section):
    """The whole of registry.toml."""

    space: Space = Field(default_factory=Space, description="The representations in play.")
    alignment: Alignment = Field(default_factory=Alignment, description="How A is defined.")
    correspondence: Correspondence = Field(default_factory=Correspondence, description="How C is measured.")
    benchmarks: dict[str, Benchmark] = Field(default={}, description="The benchmarks, by key.")
    policy: Policy = Field(default_factory=Policy, description="How trainings are chosen.")
    plugins: Plugins = Field(default_factory=Plugins, description="Which plugins may be imported.")
    catalogue: dict[str, str] = Field(default={}, description="Id prefix → distribution that provides it.")


def default_path() -> Path:
    """Return the registry.toml that is shipped: inside the package, or at the top of a source tree."""
    packaged = Path(__file__).with_name(FILE_NAME)
    return packaged if packaged.is_file() else Path(__file__).parents[3] / FILE_NAME


def find_path(start: Path) -> Path | None:
    """Return the nearest registry.toml from ``start`` upwards, or None."""
    for folder in (start, *start.parents):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
    return None


def read_space_file(path: Path) -> SpaceFile:
    """Read and validate a registry.toml.

    Raises:
        ConfigError: With ``file:line`` and a suggestion.
    """
    return read_toml(path, SpaceFile)


class SearchSpace:
    """What a registry.toml means with the plugins that are installed.

    Args:
        file: The validated file.
        registry: What is installed; aliases of encoders come from there too.
        path: Where the file is, for messages.
    """

    def __init__(self, file: SpaceFile, registry: Registry, path: Path | None = None) -> None:
        self._file = file
        self._registry = registry
        self._path = path or Path(FILE_NAME)

    @property
    def alignment(self) -> Alignment:
        """How A is defined."""
        return self._file.alignment

    @property
    def correspondence(self) -> Correspondence:
        """How C is measured."""
        return self._file.correspondence

    @property
    def benchmarks(self) -> Mapping[str, Benchmark]:
        """The benchmarks by key."""
        return self._file.benchmarks

    @property
    def policy(self) -> Policy:
        """How trainings are chosen."""
        return self._file.policy

    @property
    def aliases(self) -> Mapping[str, str]:
        """Published and other names of representations → canonical id."""
        return {alias: self._canonical_parts(text) for alias, text in self._file.space.aliases.items()}

    @cached_property
    def representations(self) -> tuple[str, ...]:
        """Canonical ids of all representations, in the order of the file, generated combinations last, each once.

        Raises:
            ConfigError: More than 100,000 combinations, or a grid that is not known since the plugin is missing.
        """
        found = dict.fromkeys(self._canonical_parts(text) for text in self._file.space.representations)
        for combine in self._file.space.combine:
            found.update(dict.fromkeys(self._generate(combine)))
        return tuple(found)

    def canonical(self, text: str) -> str:
        """Return the id of a representation of this space, given an id, an alias or a published name.

        Raises:
            UnknownIdError: It is not in the space; the message has the closest ones.
        """
        name = self._file.space.aliases.get(text.strip())
        candidate = self._canonical_parts(name if name is not None else text)
        if candidate in self.representations:
            return candidate
        known = (*self.representations, *self._file.space.aliases)
        raise UnknownIdError(
            f"'{text}' is not a representation of {self._path}.",
            did_you_mean(text, known) or "Add it under [space], or see them with: visionlaw space check",
        )

    def missing_plugins(self) -> Mapping[str, tuple[str, ...]]:
        """Return the encoders of the space that nothing installed provides: distribution to install → ids."""
        missing: dict[str, list[str]] = {}
        encoders = dict.fromkeys(part for text in self.representations for part in text.split(" + "))
        for encoder in encoders:
            try:
                self._registry.get("encoder", encoder)
            except UnknownIdError:
                prefix = encoder.split("/", 1)[0]
                missing.setdefault(self._file.catalogue.get(prefix, f"visionlaw-{prefix}"), []).append(encoder)
        return {distribution: tuple(ids) for distribution, ids in missing.items()}

    def _canonical_parts(self, text: str) -> str:
        """Resolve the aliases of each part; an id whose plugin is not installed stays as it is written."""
        parts: list[str] = []
        for reference in parse_representation(text):
            named = self._file.space.aliases.get(reference.base)
            if named is not None and "+" not in named:
                base = named
            else:
                try:
                    base = self._registry.get("encoder", reference.base).spec.id
                except UnknownIdError:
                    base = reference.base
            parts.append(str(Reference(base, reference.options)))
        return " + ".join(parts)

    def _generate(self, combine: Combine) -> list[str]:
        encoders = [self._canonical_parts(text) for text in combine.of]
        total = sum(math.comb(len(encoders), size) for size in set(combine.size))
        if total > MOST_REPRESENTATIONS:
            raise ConfigError(
                f"{self._path}: [space] combine makes {total:,} combinations, more than {MOST_REPRESENTATIONS:,}.",
                "Combine fewer encoders, or smaller sizes.",
            )
        chosen: list[str] = []
        for size in sorted(set(combine.size)):
            for parts in itertools.combinations(encoders, size):
                if not combine.same_grid or len({self._grid(part) for part in parts}) == 1:
                    chosen.append(" + ".join(parts))
        return chosen

    def _grid(self, encoder: str) -> tuple[int, int]:
        spec = self._registry.get("encoder", encoder).spec
        if TYPE_CHECKING:
            assert isinstance(spec, EncoderSpec)
        return spec.grid


def write_default(folder: Path) -> Path:
    """Write the shipped registry.toml into a folder and return its path.

    Raises:
        ConfigError: The folder has one already, or cannot be written to.
    """
    path = folder / FILE_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as stream:
            stream.write(default_path().read_text(encoding="utf-8"))
    except FileExistsError:
        raise ConfigError(f"'{path}' is there already.", "Edit it, or choose another folder.") from None
    except OSError as error:
        raise ConfigError(f"'{path}' cannot be written: {error.strerror}.", "Choose another folder.") from error
    return path
