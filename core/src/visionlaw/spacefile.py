"""registry.toml as it is written: its schema, where it is found, and the one that is shipped.

The nearest registry.toml upwards from the working directory wins; without one, the file shipped with visionlaw (all
settings of both publications) is used. What the file means is :mod:`visionlaw.space`.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from visionlaw import atomic
from visionlaw.errors import ConfigError, InvalidIdError
from visionlaw.ids import is_encoder_id, parse_reference, parse_representation
from visionlaw.modes import Mode
from visionlaw.specs import Kind
from visionlaw.tomlfile import read_toml, written_key

FILE_NAME = "registry.toml"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _check_grammar(text: str) -> str:
    try:
        parse_representation(text)
    except InvalidIdError as error:
        raise ValueError(str(error)) from error
    return text


def _check_reference(text: str) -> str:
    try:
        parse_reference(text)
    except InvalidIdError as error:
        raise ValueError(str(error)) from error
    return text


def _check_root(text: str) -> str:
    if "?" in _check_reference(text):
        raise ValueError(f"'{text}' has options; a folder serves its data set with any: write '{text.split('?')[0]}'")
    return text


def _check_source(name: str, source: str | None, root: str | None) -> None:
    if root is not None and source is None:
        raise ValueError(f'{name}_root is given, but no image source that reads it: write {name} = "folder" or "list"')


RepresentationText = Annotated[str, AfterValidator(_check_grammar)]
EncoderText = Annotated[str, AfterValidator(_check_reference)]
DatasetText = Annotated[str, AfterValidator(_check_reference)]
RootText = Annotated[str, AfterValidator(_check_root)]


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


class Language(_Section):
    """The language model of the MLLM, which projectors are trained for."""

    model: str | None = Field(default=None, description="A hub repository, or a folder relative to this file.")
    revision: str | None = Field(default=None, description="Pinned revision of the repository (a commit hash).")

    @model_validator(mode="after")
    def _revision_of_something(self) -> Language:
        if self.revision is not None and self.model is None:
            raise ValueError("a revision is given of no model; write model as well")
        return self


class Alignment(_Section):
    """How A is measured."""

    definition: DatasetText = Field(
        default="maxcos",
        description="Id of the scorer that is A, options included: maxcos (ICLR), loglik (COLM), or another one.",
    )
    references: tuple[RepresentationText, ...] = Field(
        default=(), description="maxcos: the encoders that A is measured against."
    )
    images: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = Field(
        default=100, description="Images per benchmark, or image–caption pairs."
    )
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**32)] = Field(
        default=0, description="Seed of which images are drawn."
    )
    captions: DatasetText | None = Field(
        default=None, description="Id of the image source of image–caption pairs, options included, for loglik."
    )
    captions_root: str | None = Field(
        default=None, description="The source's file or folder, relative to this file; ~ is home."
    )

    @model_validator(mode="after")
    def _root_of_something(self) -> Alignment:
        _check_source("captions", self.captions, self.captions_root)
        return self


class Correspondence(_Section):
    """How C is measured."""

    dataset: DatasetText = Field(
        default="warps",
        description="Id of the correspondence data set, options included, of the benchmarks that name none.",
    )
    roots: dict[RootText, str] = Field(
        default={},
        description="Data set id, options aside → the folder with its files, relative to this file; ~ is home.",
    )
    scorer: str = Field(default="correspondence", description="Id of the scorer that measures C.")
    protocol: Literal["strict", "reference"] = Field(
        default="strict",
        description="How keypoints are mapped and judged: strict, or reference, as the publications' code does.",
    )
    matcher: Literal["argmax", "softargmax", "upsampled"] = Field(
        default="argmax",
        description="strict: how the position of the best match is found; the protocol reference has its own.",
    )
    alpha: Annotated[float, Field(strict=True, gt=0, le=1)] = Field(
        default=0.10, description="Share of the object's size that counts as hit."
    )

    @model_validator(mode="before")
    @classmethod
    def _folders_by_dataset(cls, data: Any) -> Any:
        if isinstance(data, dict) and "root" in data:
            given = cast("dict[str, Any]", data)
            dataset = str(given.get("dataset", "warps")).split("?")[0]
            raise ValueError(
                f"'root' is no longer a setting, since each data set has a folder of its own: "
                f'write roots = {{ {written_key(dataset)} = "{given["root"]}" }} instead'
            )
        return data  # pyright: ignore[reportUnknownVariableType]

    @model_validator(mode="after")
    def _reference_has_its_own_matcher(self) -> Correspondence:
        if self.protocol == "reference" and self.matcher != "argmax":
            raise ValueError(
                f'the protocol reference has a matcher of its own: leave out matcher = "{self.matcher}", '
                'or write protocol = "strict"'
            )
        return self


class Benchmark(_Section):
    """One MLLM benchmark."""

    name: str = Field(description="Its name in full.")
    kind: Literal["vision", "ocr"] = Field(description="Which group it is averaged with.")
    images: DatasetText | None = Field(
        default=None, description="Id of the image source with its images, options included, for A."
    )
    images_root: str | None = Field(
        default=None, description="The source's file or folder, relative to this file; ~ is home."
    )
    correspondence: DatasetText | None = Field(
        default=None,
        description="Id of the data set that its C is measured on, options included: text for a benchmark of text; "
        "when absent, the one under [correspondence].",
    )
    higher_is_better: bool = Field(default=True, description="Whether a higher performance is better.")

    @model_validator(mode="after")
    def _root_of_something(self) -> Benchmark:
        _check_source("images", self.images, self.images_root)
        return self


class Scores(_Section):
    """Where A and where C come from, as a table of two."""

    A: str | None = Field(
        default=None, description="A published table or a CSV file; when absent, what this project has measured."
    )
    C: str | None = Field(default=None, description="The same for C.")


def _both(value: Any) -> Any:
    if not isinstance(value, str | dict | Scores):
        raise ValueError('write a table\'s name or file, or both apart: { A = "a.csv", C = "c.csv" }')
    return {"A": value, "C": value} if isinstance(value, str) else value  # pyright: ignore[reportUnknownVariableType]


class Stop(_Section):
    """When a study may stop: the chance that something untrained beats the best trained one by a margin is small."""

    margin: Annotated[float, Field(ge=0, le=100)] = Field(
        default=0.5, description="By how much, in % of the best result told."
    )
    chance: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.05, description="Below which chance, on every benchmark, the study may stop."
    )


def _several(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


class Policy(_Section):
    """How trainings are chosen."""

    sampler: str = Field(default="bayes", description="Id of the sampler.")
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
    scores: Annotated[Scores, BeforeValidator(_both, json_schema_input_type=str | Scores)] = Field(
        default_factory=Scores,
        description="Where A and C come from: a published table (iclr2025, colm2025), a CSV file, or, when absent, "
        "what this project has measured; a table of A and C where they come from different places.",
    )
    prior: Annotated[tuple[str, ...], BeforeValidator(_several, json_schema_input_type=str | tuple[str, ...])] = Field(
        default=(),
        description="Finished results to build on from the start: a published table (iclr2025, colm2025), a CSV file, "
        "studies for this project's other studies, or a list of these. Their A must be defined as this study's.",
    )
    weights: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        default={}, description="How much a benchmark counts in a joint study, by key; 1 where it is not named."
    )
    cost_aware: Annotated[bool, Field(strict=True)] = Field(
        default=False,
        description="Whether the sampler sees what each finetuning costs; the budget counts finetunings all the same.",
    )
    stop: Stop = Field(default_factory=Stop, description="When the study may stop before its budget is spent.")

    @field_validator("benchmarks", "prior")
    @classmethod
    def _each_once(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise ValueError(f"{'a benchmark' if info.field_name == 'benchmarks' else 'a prior'} is named twice")
        return value


class Costs(_Section):
    """What finetunings cost; the defaults follow the publication (COLM, section 1)."""

    gpu_hours: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        default=384,
        description="GPU hours of one finetuning with 576 visual tokens (24×24); other numbers of tokens are estimated "
        "from it.",
    )
    price: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        default=5.21, description="Price of one GPU hour, in currency."
    )
    currency: str = Field(default="USD", min_length=1, description="The currency's name, as it is shown.")
    kilowatts: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        default=0.25, description="Power that one GPU draws, in kW."
    )
    hours: dict[RepresentationText, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        default={}, description="Representation, by id or alias → GPU hours of finetuning it, instead of the estimate."
    )


class Cache(_Section):
    """What is kept of computed features and similarity rows."""

    limit_gb: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        default=100,
        description="The most that features and similarity rows may take on the disk together, in GB (10⁹ bytes); "
        "what has not been used for longest goes first. Rows take at most a quarter of it, features what rows leave.",
    )

    @property
    def limit(self) -> int:
        """The limit in bytes."""
        return int(self.limit_gb * 10**9)


class Plugins(_Section):
    """Which plugins may be imported."""

    disabled: tuple[str, ...] = Field(default=(), description="Distribution or plugin names that are never imported.")


class CatalogueEntry(_Section):
    """A plugin that can be installed."""

    distribution: str = Field(description="What pip installs: the name alone, without version or address.")
    kinds: tuple[Kind, ...] = Field(default=(), description="The kinds of what it provides under this prefix.")
    description: str = Field(default="", description="What it is for, in one sentence.")
    homepage: str | None = Field(default=None, pattern=r"^https?://\S+$", description="Where to read about it.")

    @field_validator("distribution")
    @classmethod
    def _a_name_and_nothing_else(cls, value: str) -> str:
        # It becomes an argument of pip: an option, a path or an address would make it do something else.
        if not is_distribution_name(value):
            raise ValueError(f"'{value}' is not the name of a distribution")
        return value


def is_distribution_name(text: str) -> bool:
    """Whether a text can be a distribution's name (PEP 508), and so neither an option, a path nor an address."""
    return re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", text) is not None


def _named_or_described(value: Any) -> Any:
    return {"distribution": value} if isinstance(value, str) else value


class SpaceFile(_Section):
    """The whole of registry.toml."""

    space: Space = Field(default_factory=Space, description="The representations in play.")
    language: Language = Field(default_factory=Language, description="The language model of the MLLM.")
    alignment: Alignment = Field(default_factory=Alignment, description="How A is measured.")
    correspondence: Correspondence = Field(default_factory=Correspondence, description="How C is measured.")
    benchmarks: dict[str, Benchmark] = Field(default={}, description="The benchmarks, by key.")
    policy: Policy = Field(default_factory=Policy, description="How trainings are chosen.")
    costs: Costs = Field(default_factory=Costs, description="What finetunings cost.")
    cache: Cache = Field(default_factory=Cache, description="What is kept of computed features and similarity rows.")
    plugins: Plugins = Field(default_factory=Plugins, description="Which plugins may be imported.")
    catalogue: dict[
        str,
        Annotated[CatalogueEntry, BeforeValidator(_named_or_described, json_schema_input_type=str | CatalogueEntry)],
    ] = Field(
        default={},
        description="Id prefix → plugin that provides it, beside those that are shipped: its distribution, or a table.",
    )

    @property
    def providers(self) -> dict[str, str]:
        """The catalogue as id prefix → distribution."""
        return {prefix: entry.distribution for prefix, entry in self.catalogue.items()}


def default_path() -> Path:
    """Return the registry.toml that is shipped: inside the package, or at the top of a source tree."""
    packaged = Path(__file__).with_name(FILE_NAME)
    return packaged if packaged.is_file() else Path(__file__).parents[3] / FILE_NAME


def default_catalogue() -> dict[str, CatalogueEntry]:
    """Return the catalogue that is shipped: who provides what is not installed, whatever a project's file says."""
    shipped = tomllib.loads(default_path().read_text(encoding="utf-8"))["catalogue"]
    return SpaceFile.model_validate({"catalogue": shipped}).catalogue


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
