"""The specs: what a plugin's listing hooks return. Frozen data, JSON in and out, no heavy import.

A spec names its code by a ``target`` string (``"package.module:callable"``) that is imported on first use only, so
that listing thousands of encoders costs milliseconds. The field descriptions below are the reference documentation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, computed_field, model_validator

from visionlaw.ids import ENCODER_PATTERN, WORD_PATTERN, prefix_of, resolution_of


def _matches(pattern: str, shape: str) -> AfterValidator:
    """Validate by a pattern, with a message that shows the expected shape instead of the pattern."""
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if compiled.fullmatch(text) is None:
            raise ValueError(f"'{text}' does not look like {shape}")
        return text

    return AfterValidator(check)


Target = Annotated[str, _matches(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*", "'package.module:callable'")]
"""``package.module:callable``, which is imported on first use."""
EncoderId = Annotated[str, _matches(ENCODER_PATTERN, "'prefix/name@resolution'")]
"""``prefix/name@resolution``."""
Word = Annotated[str, _matches(WORD_PATTERN, "'word' or 'prefix/name'")]
"""The id of anything but an encoder: ``word`` or ``prefix/name``."""
Kind = Literal["encoder", "combiner", "scorer", "sampler", "dataset", "image_source", "trainer", "executor", "command"]
"""What plugins provide."""


class Option(BaseModel):
    """One option of an id, ``?name=value``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["int", "float", "str", "bool"] = Field(description="How the text after '=' is read.")
    default: int | float | str | bool = Field(description="The value when the option is not given.")
    description: str = Field(description="What it changes, in one sentence, with its unit and range.")
    choices: tuple[str, ...] = Field(default=(), description="The values that a 'str' may have; empty: any.")


MODES = ("strict", "reference")
"""The values of the option ``mode``."""


def layer_option(default: int = -1) -> Option:
    """Return the option ``layer``, which all encoders with blocks declare alike.

    The last block, -1, means what the library itself returns as the last hidden state, final norm included where it
    has one; any other block is read raw. References that differ in it alone are extracted in one forward pass
    (:class:`visionlaw.protocols.LayeredEncoder`).
    """
    return Option(type="int", default=default, description="The block that is read, counted as Python counts.")


def mode_option() -> Option:
    """Return the option ``mode``, which all encoders of the publications declare alike (PROTOCOLS §1)."""
    return Option(
        type="str",
        default="strict",
        choices=MODES,
        description="strict: the model's own normalisation and last block; reference: as the publications' code.",
    )


class Variant(BaseModel):
    """What an option's value changes about an encoder's tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    patch: int | None = Field(default=None, ge=1, description="Side of the input that one token covers, in pixels.")
    stride: int | None = Field(default=None, ge=1, description="Distance of neighbouring tokens, in pixels.")
    channels: int | None = Field(default=None, ge=1, description="Length C of one token.")


class Spec(BaseModel):
    """What all specs share."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())
    kind: ClassVar[Kind]

    id: Word = Field(description="The exact name: a plain word or 'prefix/name'.")
    target: Target = Field(
        description="'package.module:callable', imported on first use; called as callable(spec, **options)."
    )
    description: str = Field(default="", description="One sentence for listings.")
    aliases: tuple[str, ...] = Field(default=(), description="Other exact names, for instance those of publications.")
    tags: tuple[str, ...] = Field(default=(), description="Free words to search by.")
    options: dict[str, Option] = Field(default={}, description="Options that '?name=value' may set.")
    extras: tuple[str, ...] = Field(default=(), description="Extras of the distribution that the target needs.")
    tiny: Target | None = Field(
        default=None,
        description="'package.module:callable' for the checks: called as callable(spec, folder), it writes what a tiny "
        "instance needs, such as random weights, into the folder, and returns the spec of that instance. None: the "
        "target itself needs nothing.",
    )
    deprecated: str | None = Field(default=None, description="Why it should no longer be used; None when current.")
    superseded_by: str | None = Field(default=None, description="The id to use instead of a deprecated one.")

    @property
    def prefix(self) -> str:
        """The family prefix, what stands before the first '/'."""
        return prefix_of(self.id)


@dataclass(frozen=True)
class Layer:
    """The tokens of one block or stage of a network.

    Attributes:
        patch: Side of the input that one token covers, in pixels.
        channels: Length C of one token.
    """

    patch: int
    channels: int


def layer_variants(layers: Sequence[Layer]) -> dict[str, Variant]:
    """Return the variants of a network whose layers differ: what ``?layer=`` changes, counted from either end.

    Args:
        layers: First to last; the last one is what the spec itself describes.
    """
    count = len(layers)
    different = [(index, layer) for index, layer in enumerate(layers) if layer != layers[-1]]
    return {
        f"layer={name}": Variant(patch=layer.patch, channels=layer.channels)
        for index, layer in different
        for name in (index, index - count)
    }


MOST_PIXELS = 16_384
"""Largest side of an encoder's input."""


class EncoderSpec(Spec):
    """A frozen vision encoder at one input resolution."""

    kind: ClassVar[Kind] = "encoder"

    id: EncoderId = Field(description="'prefix/name@resolution'; the prefix is the entry point's name.")  # pyright: ignore[reportIncompatibleVariableOverride]
    checkpoint: str | None = Field(
        default=None, description="Hub repository or file of the weights; None for weight-free."
    )
    revision: str | None = Field(default=None, description="Pinned revision of the checkpoint (a commit hash).")
    files: tuple[str, ...] = Field(
        default=(),
        description="Files of the checkpoint that are loaded, as glob patterns: what is fetched and looked for.",
    )
    license: str | None = Field(default=None, description="SPDX identifier or name of the weights' licence.")
    resolution: Annotated[int, Field(ge=1, le=MOST_PIXELS)] = Field(description="Input side in pixels, as in the id.")
    resize: Literal["squash", "letterbox", "crop"] = Field(
        default="squash",
        description="How an image becomes square: squash distorts, letterbox pads, crop cuts the longer side.",
    )
    patch: Annotated[int, Field(ge=1)] = Field(description="Side of the input that one token covers, in pixels.")
    stride: int | None = Field(
        default=None, ge=1, description="Distance of neighbouring tokens in pixels; None: patch."
    )
    channels: Annotated[int, Field(ge=1)] = Field(description="Length C of one token.")
    parameters: int | None = Field(default=None, ge=0, description="Number of weights; 0 for weight-free encoders.")
    layer: int = Field(default=-1, description="The block that is read, counted as Python counts: -1 is the last.")
    variants: dict[str, Variant] = Field(
        default={}, description="'option=value' → what differs about the tokens when an id gives it."
    )

    @computed_field(description="Tokens per side: (h, w).")
    @property
    def grid(self) -> tuple[int, int]:
        """Tokens per side, (h, w)."""
        side = (self.resolution - self.patch) // (self.stride or self.patch) + 1
        return side, side

    def of(self, options: Mapping[str, Any]) -> EncoderSpec:
        """Return the spec that holds for an id with these options: its variants and its layer applied."""
        changes: dict[str, Any] = {}
        for name, value in options.items():
            variant = self.variants.get(f"{name}={value}")
            changes |= variant.model_dump(exclude_none=True) if variant is not None else {}
            changes |= {"layer": value} if name == "layer" else {}
        return self.model_copy(update=changes) if changes else self

    @model_validator(mode="before")
    @classmethod
    def _drop_computed(cls, data: Any) -> Any:
        """Accept what ``model_dump`` wrote: the grid is computed again, not read."""
        if isinstance(data, dict):
            return {k: v for k, v in data.items() if k != "grid"}  # pyright: ignore[reportUnknownVariableType]
        return data

    @model_validator(mode="after")
    def _agrees_with_id(self) -> EncoderSpec:
        if resolution_of(self.id) != self.resolution:
            raise ValueError(f"resolution {self.resolution} contradicts the id '{self.id}'")
        if self.patch > self.resolution:
            raise ValueError(f"patch {self.patch} is larger than the resolution {self.resolution}")
        return self


class CombinerSpec(Spec):
    """A way to make one representation of several encoders."""

    kind: ClassVar[Kind] = "combiner"


ScoredData = Literal["pairs", "images", "captions"]
"""What a scorer measures on: pairs of images with keypoints, images, or images with captions."""
ScorerNeed = Literal["projectors", "references", "language"]
"""What a scorer needs beside features."""


class ScorerVariant(BaseModel):
    """What an option's value changes about what a scorer takes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: ScoredData | None = Field(default=None, description="What it measures on; None: as without the option.")
    needs: tuple[ScorerNeed, ...] | None = Field(
        default=None, description="What else it needs; None: as without the option."
    )


class ScorerSpec(Spec):
    """A cheap score of frozen features."""

    kind: ClassVar[Kind] = "scorer"

    measures: str = Field(description="The law's variable that it supplies: 'A', 'C' or a name of its own.")
    unit: str = Field(default="", description="Unit and range of the score, for instance '% of keypoints, 0-100'.")
    higher_is_better: bool = Field(default=True, description="Whether a higher score is better.")
    range: tuple[float | None, float | None] | None = Field(
        default=None,
        description="The least and the greatest value that the score can have, whatever its options; None: no limit, "
        "or nothing is claimed. The checks hold it to that.",
    )
    scale_invariant: bool = Field(
        default=False,
        description="Whether multiplying all tokens by one positive number leaves the score as it is, whatever its "
        "options. The checks hold it to that.",
    )
    data: ScoredData = Field(
        default="pairs",
        description="What it measures on: pairs of images with keypoints, images, or images with captions.",
    )
    needs: tuple[ScorerNeed, ...] = Field(
        default=(),
        description="What else it needs: trained projectors, reference encoders, a language model.",
    )
    variants: dict[str, ScorerVariant] = Field(
        default={}, description="'option=value' → what it takes instead when that option is given."
    )

    def of(self, options: Mapping[str, Any]) -> ScorerSpec:
        """Return the spec that holds for an id with these options: its variants applied."""
        changes: dict[str, Any] = {}
        for name, value in options.items():
            variant = self.variants.get(f"{name}={value}")
            changes |= variant.model_dump(exclude_none=True) if variant is not None else {}
        return self.model_copy(update=changes) if changes else self

    @model_validator(mode="after")
    def _range_is_one(self) -> ScorerSpec:
        least, greatest = self.range or (None, None)
        if least is not None and greatest is not None and least > greatest:
            raise ValueError(f"range {least} to {greatest} is empty")
        return self


class SamplerSpec(Spec):
    """A rule that chooses which representation to train next."""

    kind: ClassVar[Kind] = "sampler"


class DatasetSpec(Spec):
    """A data set of image pairs with corresponding keypoints."""

    kind: ClassVar[Kind] = "dataset"

    license: str | None = Field(default=None, description="Licence of the data.")
    homepage: str | None = Field(default=None, description="Where to get the data.")
    needs_root: bool = Field(default=False, description="Whether a folder with the data must be given.")


class ImageSourceSpec(Spec):
    """A source of images, with or without captions."""

    kind: ClassVar[Kind] = "image_source"

    captions: bool = Field(default=False, description="Whether each image has a caption.")
    license: str | None = Field(default=None, description="Licence of the images.")


class TrainerSpec(Spec):
    """A way to finetune an MLLM on a representation and to evaluate it.

    It works in a project, which is the working directory. For the checks, ``tiny`` writes a miniature project: a
    registry.toml whose first representation is finetuned and whose benchmarks are evaluated, and whatever else the
    trainer reads, such as a language model of two layers and four records.
    """

    kind: ClassVar[Kind] = "trainer"


class ExecutorSpec(Spec):
    """A place where tasks run: this process, a cluster…"""

    kind: ClassVar[Kind] = "executor"


class CommandSpec(Spec):
    """A verb of the command line, ``visionlaw <id>``: its target is a typer app, or a function that typer understands.

    The target is not called with a spec. It is imported when the verb is used and for ``visionlaw --help``, so its
    module must be as light as the one that lists it. Core's own verbs cannot be replaced.
    """

    kind: ClassVar[Kind] = "command"


SPEC_TYPES: dict[Kind, type[Spec]] = {
    spec.kind: spec
    for spec in (
        EncoderSpec,
        CombinerSpec,
        ScorerSpec,
        SamplerSpec,
        DatasetSpec,
        ImageSourceSpec,
        TrainerSpec,
        ExecutorSpec,
        CommandSpec,
    )
}
"""Kind → its spec."""
