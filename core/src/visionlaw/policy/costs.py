"""What finetunings cost: GPU hours, money and energy, at the rates that registry.toml states."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from visionlaw.errors import UNAVAILABLE, ConfigError
from visionlaw.ids import split_representation

if TYPE_CHECKING:
    from visionlaw.project import Project
    from visionlaw.registry import Registry

Basis = Literal["given", "estimated", "default"]

BASE_TOKENS = 576
"""Visual tokens of a finetuning that takes the default: 24×24, those of CLIP at 336 pixels."""
TEXT_TOKENS = 256
"""Tokens of text beside an image, taken for the estimate: the order of magnitude of a record of LLaVA-1.5's mix."""


@dataclass(frozen=True)
class Cost:
    """What some finetunings cost together.

    Attributes:
        finetunings: How many they are.
        gpu_hours: Their GPU hours.
        money: At the price of a GPU hour, in ``currency``.
        kwh: Energy that the GPUs draw.
        currency: The currency's name.
    """

    finetunings: int
    gpu_hours: float
    money: float
    kwh: float
    currency: str

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Costs:
    """The rates, and what follows from them for each representation.

    Hours that are not given are estimated: a language model of a given size works in proportion to the tokens that it
    reads, so that ``hours = gpu_hours · (visual tokens + 256) / (576 + 256)``. The encoder's own forward pass, without
    a backward one, is left out: about a percent of a 7B language model's work for a ViT-L, more for a diffusion model.
    Where the tokens are not known either, the default counts.

    Attributes:
        gpu_hours: Of one finetuning with 576 visual tokens.
        price: Of one GPU hour, in ``currency``.
        kilowatts: That one GPU draws.
        currency: The currency's name.
        hours: GPU hours that are given, by canonical id.
        tokens: Returns the visual tokens of a representation, None where they are not known.
    """

    gpu_hours: float
    price: float
    kilowatts: float
    currency: str = "USD"
    hours: Mapping[str, float] = field(default_factory=dict[str, float])
    tokens: Callable[[str], int | None] = field(default=lambda _: None, repr=False, compare=False)

    def hours_of(self, representation: str) -> tuple[float, Basis]:
        """Return the GPU hours of finetuning a representation, and where they come from.

        Args:
            representation: Canonical id.
        """
        if representation in self.hours:
            return self.hours[representation], "given"
        tokens = self.tokens(representation)
        if tokens is None:
            return self.gpu_hours, "default"
        return self.gpu_hours * (tokens + TEXT_TOKENS) / (BASE_TOKENS + TEXT_TOKENS), "estimated"

    def of(self, representations: Iterable[str]) -> Cost:
        """Return what finetuning each of the representations costs together."""
        hours = [self.hours_of(name)[0] for name in representations]
        total = sum(hours)
        return Cost(len(hours), total, total * self.price, total * self.kilowatts, self.currency)


def costs_of(project: Project) -> Costs:
    """Return the costs that a project's registry.toml states.

    Raises:
        ConfigError: A representation is given two numbers of hours.
        InvalidIdError: One of them is no id.
    """
    rates, space = project.space.costs, project.space
    hours: dict[str, float] = {}
    for name, value in rates.hours.items():
        representation = space.canonical(name)
        if hours.setdefault(representation, value) != value:
            raise ConfigError(
                f"{project.space_path}: [costs] gives '{representation}' two numbers of hours, one as '{name}'.",
                "Keep one of the two.",
            )
    tokens = _tokens(project.registry, space.combiner)
    return Costs(rates.gpu_hours, rates.price, rates.kilowatts, rates.currency, hours, tokens)


def _tokens(registry: Registry, combiner: str) -> Callable[[str], int | None]:
    """Return a function that says how many visual tokens a representation has, None where nobody installed knows.

    Concatenation joins channels on the larger grid, so that a combination has as many tokens as its largest part; of
    other combiners nothing is known.
    """

    @cache
    def of_encoder(encoder: str) -> int | None:
        try:
            rows, columns = registry.encoder_spec(encoder).grid
        except UNAVAILABLE:
            return None
        return rows * columns

    def of_representation(representation: str) -> int | None:
        parts = [of_encoder(encoder) for encoder in split_representation(representation)]
        known = [tokens for tokens in parts if tokens is not None]
        return max(known) if len(known) == len(parts) and (len(parts) == 1 or combiner == "concat") else None

    return of_representation
