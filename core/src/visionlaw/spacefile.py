"""registry.toml as it is written: its schema, where it is found, and the one that is shipped.

The nearest registry.toml upwards from the working directory wins; without one, the file shipped with visionlaw (all
settings of both publications) is used. What the file means is :mod:`visionlaw.space`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from visionlaw import atomic
from visionlaw.errors import ConfigError, InvalidIdError
from visionlaw.ids import is_encoder_id, parse_reference, parse_representation
from visionlaw.modes import Mode
from visionlaw.tomlfile import read_toml

FILE_NAME = "registry.toml"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _check_grammar(text: str) -> str:
    try:
        parse_representation(text)
    except InvalidIdError as error:
        raise ValueError(str(error)) from error
    return text


def _check_encoder(text: str) -> str:
    try:
        parse_reference(text)
    except InvalidIdError as error:
        raise ValueError(str(error)) from error
    return text


RepresentationText = Annotated[str, AfterValidator(_check_grammar)]
EncoderText = Annotated[str, AfterValidator(_check_encoder)]


class Combine(_Section):
    """Combinations to generate."""

    of: tuple[EncoderText, ...] = Field(min_length=1, description="The encoders to combine: ids or aliases.")
    size: tuple[Annotated[int, Field(strict=True, ge=1, le=1000)], ...] = Field(
        default=(1, 2), description="The sizes to make: [1, 2] makes the single encoders and all pairs."
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
    combiner: str = Field(default="concat", description="Id of the combiner that makes one representation of several.")
    aliases: dict[str, RepresentationText] = Field(
        default={}, description="Other names of representations, such as published ones."
    )

    @field_validator("combine", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return [value] if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _aliases_end(self) -> Space:
        for alias, text in self.aliases.items():
            if is_encoder_id(alias):
                raise ValueError(f"the alias '{alias}' has the form of an id; choose a name of another form")
            for part in (text, *(p.base for p in parse_representation(text))):
                if part in self.aliases:
                    raise ValueError(f"the alias '{alias}' stands for '{part}', which is an alias itself; write the id")
        return self


class Alignment(_Section):
    """How A is defined."""

    definition: Literal["maxcos", "loglik"] = Field(default="maxcos", description="maxcos (ICLR) or loglik (COLM).")
    references: tuple[str, ...] = Field(default=(), description="maxcos: the encoders that A is measured against.")
    images: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = Field(
        default=100, description="Images per benchmark, or image–caption pairs."
    )


class Correspondence(_Section):
    """How C is measured."""

    root: str | None = Field(
        default=None, description="Folder with the data set's images or files, relative to this file."
    )
    dataset: str = Field(default="warps", description="Id of the correspondence data set.")
    protocol: Literal["strict"] = Field(default="strict", description="How keypoints are mapped and judged.")
    alpha: Annotated[float, Field(strict=True, gt=0, le=1)] = Field(
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
    budget: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = Field(
        default=4, description="How many finetunings may be asked for."
    )
    mode: Mode = Field(
        default=Mode.JOINT, description="single: exactly one benchmark; joint: one finetuning for several."
    )
    benchmarks: tuple[str, ...] = Field(default=(), description="Keys of [benchmarks]; empty: all of them.")
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**32)] = Field(
        default=0, description="Seed of the sampler's random choices."
    )
    scores: str | None = Field(
        default=None,
        description="Where A and C come from: a published table (iclr2025, colm2025), a CSV file, or, when absent, "
        "what this project has measured.",
    )

    @field_validator("benchmarks")
    @classmethod
    def _each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise ValueError("a benchmark is named twice")
        return value


class Cache(_Section):
    """What is kept of computed features."""

    limit_gb: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        default=100,
        description="The most that cached features may take on the disk, in GB (10⁹ bytes); what has not been used for "
        "longest goes first.",
    )

    @property
    def limit(self) -> int:
        """The limit in bytes."""
        return int(self.limit_gb * 10**9)


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
    cache: Cache = Field(default_factory=Cache, description="What is kept of computed features.")
    plugins: Plugins = Field(default_factory=Plugins, description="Which plugins may be imported.")
    catalogue: dict[str, str] = Field(default={}, description="Id prefix → distribution that provides it.")


def default_path() -> Path:
    """Return the registry.toml that is shipped: inside the package, or at the top of a source tree."""
    packaged = Path(__file__).with_name(FILE_NAME)
    return packaged if packaged.is_file() else Path(__file__).parents[3] / FILE_NAME


def find_path(start: Path) -> Path | None:
    """Return the nearest registry.toml from ``start`` upwards, or None."""
    for folder in (start, *start.parents):
        path = folder / FILE_NAME
        if path.exists() or path.is_symlink():  # a folder or a dangling link is a mistake to be told, not to pass over
            return path
    return None


def read_space_file(path: Path) -> SpaceFile:
    """Read and validate a registry.toml.

    Raises:
        ConfigError: With ``file:line`` and a suggestion.
    """
    return read_toml(path, SpaceFile)


def write_default(folder: Path) -> Path:
    """Write the shipped registry.toml into a folder and return its path.

    Raises:
        ConfigError: The folder has one already, or cannot be written to.
    """
    path = folder / FILE_NAME
    if path.exists():
        raise ConfigError(f"'{path}' is there already.", "Edit it, or choose another folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        atomic.write_bytes(path, default_path().read_bytes())
    except OSError as error:
        raise ConfigError(f"'{path}' cannot be written: {error.strerror}.", "Choose another folder.") from error
    return path
