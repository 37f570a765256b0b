"""Which of the stored scores a study uses as its A and its C: those of one scorer, measured alike.

A scorer measures on image pairs, or on a benchmark's images or captions; either may be A, and either C.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from visionlaw.errors import UNAVAILABLE, UnknownIdError
from visionlaw.ids import parse_reference
from visionlaw.store.rows import ASIDE, FOLDER, ScoreRow

if TYPE_CHECKING:
    from visionlaw.registry import Registry
    from visionlaw.space import SearchSpace

CORE_SCORER = "correspondence"
ARGMAX = "argmax"


class Measured(Protocol):
    """One variable of the law, as it is measured on each benchmark of a study."""

    @property
    def sources(self) -> tuple[str, ...]:
        """By benchmark, what it is measured on."""
        ...

    def includes(self, row: ScoreRow, line: int) -> bool:
        """Whether a stored score follows the definition on the data of the benchmark at a place."""
        ...

    def identity(self, row: ScoreRow) -> tuple[Any, ...]:
        """Return what scores on one benchmark must share to be compared."""
        ...

    def remedy(self, line: int, *, others: bool) -> str:
        """Return how a score on the benchmark at a place is obtained; ``{}`` stands for the representation.

        Args:
            line: The place of the benchmark.
            others: Whether there are scores that cannot be compared with the last one.
        """
        ...


@dataclass(frozen=True)
class OnPairs:
    """Which of the stored scores on image pairs a study uses.

    Attributes:
        datasets: The data set of each benchmark, by its canonical id.
        scorer: The scorer's canonical id.
        protocol: The protocol; None: whatever the scorer's own is.
        matcher: The matcher; None: the protocol has its own.
        alpha: Share of the object's size that counts as hit.
        default: Whether the scorer is what ``visionlaw score correspondence`` uses.
    """

    datasets: tuple[str, ...]
    scorer: str = CORE_SCORER
    protocol: str | None = "strict"
    matcher: str | None = ARGMAX
    alpha: float = 0.10
    default: bool = True

    @classmethod
    def of_space(cls, space: SearchSpace, scorer: str, benchmarks: Sequence[str]) -> OnPairs:
        """Return what a registry.toml asks for.

        Args:
            space: The search space.
            scorer: The canonical id of its scorer; options in it go before registry.toml's. The protocols and matchers
                of registry.toml are those of core's; another's count as they are.
            benchmarks: The benchmarks of the study.
        """
        settings, named = space.correspondence, parse_reference(scorer)
        own = named.base == CORE_SCORER
        protocol = named.options.get("protocol", settings.protocol)
        shared = settings.matcher if protocol == settings.protocol else ARGMAX
        return cls(
            datasets=tuple(map(space.correspondence_of, benchmarks)),
            scorer=CORE_SCORER if own else scorer,  # scores of core's are filed under it without its options
            protocol=protocol if own else None,
            matcher=named.options.get("matcher", shared) if own and protocol == "strict" else None,
            alpha=float(named.options.get("alpha", settings.alpha)),
            default=named.base == parse_reference(settings.scorer).base,
        )

    @property
    def sources(self) -> tuple[str, ...]:
        """The data set of each benchmark."""
        return self.datasets

    def includes(self, row: ScoreRow, line: int) -> bool:
        """Whether a stored score follows this definition on the project's own data; their version is not looked at."""
        return (
            FOLDER not in row.provenance
            and (row.scorer, row.dataset) == (self.scorer, self.datasets[line])
            and self.protocol in (None, row.protocol)
            and self.matcher in (None, _parameters(row)["matcher"])
            and row.params.get("alpha", self.alpha) == self.alpha
        )

    def identity(self, row: ScoreRow) -> tuple[Any, ...]:
        """Return what scores of one data set must share to be compared."""
        return row.dataset_version, row.protocol, _parameters(row)

    def remedy(self, line: int, *, others: bool) -> str:
        """Return the command that measures it; ``{}`` stands for the representation."""
        named = literally(self.datasets[line])
        scorer = "" if self.default else f' --scorer "{literally(self.scorer)}"'
        command = f'visionlaw score correspondence "{{}}" --dataset "{named}"{scorer}'
        if not others:
            return command
        return (
            f"C on another version of '{named}' than the last one scored, or by other rules, does not count: {command}"
        )


@dataclass(frozen=True)
class OnImages:
    """Which of the stored scores on images or captions a study uses.

    Attributes:
        benchmarks: The benchmarks of the study.
        images: Their image sources, by canonical id; None where registry.toml names none: then any counts.
        scorer: The scorer's canonical id, options included.
        number: How many images are drawn.
        seed: Of the drawing.
        captions: Whether one score on captions serves all benchmarks.
        default: Whether the scorer is what ``visionlaw score alignment`` uses.
    """

    benchmarks: tuple[str, ...]
    images: tuple[str | None, ...]
    scorer: str
    number: int = 100
    seed: int = 0
    captions: bool = False
    default: bool = True

    @classmethod
    def of_space(cls, space: SearchSpace, scorer: str, benchmarks: Sequence[str], *, captions: bool) -> OnImages:
        """Return what a registry.toml asks for.

        Args:
            space: The search space.
            scorer: The canonical id of the scorer, options included.
            benchmarks: The benchmarks of the study.
            captions: Whether the scorer measures on captions.
        """
        found = [space.captions if captions else space.images_of(benchmark) for benchmark in benchmarks]
        return cls(
            tuple(benchmarks),
            tuple(None if at is None else at.source for at in found),
            scorer,
            space.alignment.images,
            space.alignment.seed,
            captions,
            default=scorer == space.alignment_scorer,
        )

    @property
    def sources(self) -> tuple[str, ...]:
        """By benchmark, the scorer and the image source."""
        return tuple(f"{self.scorer} on {source}" if source else self.scorer for source in self.images)

    def includes(self, row: ScoreRow, line: int) -> bool:
        """Whether a stored score follows this definition, on the project's own images and for its language model."""
        own, source = ("" if self.captions else self.benchmarks[line]), self.images[line]
        return (
            not {FOLDER, ASIDE} & row.provenance.keys()
            and row.scorer == self.scorer
            and (row.benchmark in ("", own) if source is None else (row.benchmark, row.dataset) == (own, source))
            and row.params.get("images", self.number) == self.number
            and row.params.get("seed", self.seed) == self.seed
        )

    def identity(self, row: ScoreRow) -> tuple[Any, ...]:
        """Return what scores on one benchmark must share to be compared: images, references, language model, rules."""
        behind = [row.provenance.get(name) for name in ("references", "language")]
        return row.dataset, row.dataset_version, row.benchmark, row.protocol, dict(row.params), behind

    def remedy(self, line: int, *, others: bool) -> str:
        """Return the command that measures it; ``{}`` stands for the representation."""
        command = 'visionlaw score alignment "{}"' + ("" if self.default else f' --scorer "{literally(self.scorer)}"')
        if others:
            return (
                f"'{literally(self.scorer)}' on other images than those scored last, against other references, for "
                f"another language model, or by other rules, does not count: {command}"
            )
        if self.images[line] is not None:
            return command
        where = (
            "captions and captions_root under [alignment]"
            if self.captions
            else "images and images_root of each benchmark under [benchmarks]"
        )
        return f"write {where} of registry.toml, then: {command}"


def a_of_space(space: SearchSpace, registry: Registry, benchmarks: Sequence[str]) -> Measured:
    """Return which stored scores are the A of a project's study.

    Raises:
        UnknownIdError: There is no such scorer; one whose plugin is missing is taken for one of images.
    """
    scorer = space.alignment_scorer
    data = "images"
    try:
        data = registry.scorer_spec(scorer).data
    except UNAVAILABLE as error:
        if type(error) is UnknownIdError:
            raise UnknownIdError(f"{error.message} It is [alignment] definition.", error.remedy) from error
    return _measured(space, scorer, benchmarks, data)


def c_of_space(space: SearchSpace, registry: Registry, benchmarks: Sequence[str]) -> Measured:
    """Return which stored scores are the C of a project's study.

    A scorer that is not there is taken for one of image pairs.
    """
    scorer = registry.canonical("scorer", space.correspondence.scorer)
    try:
        data = registry.scorer_spec(scorer).data
    except UNAVAILABLE:
        data = "pairs"
    return _measured(space, scorer, benchmarks, data)


def _measured(space: SearchSpace, scorer: str, benchmarks: Sequence[str], data: str) -> Measured:
    if data == "pairs":
        return OnPairs.of_space(space, scorer, benchmarks)
    return OnImages.of_space(space, scorer, benchmarks, captions=data == "captions")


def literally(text: str) -> str:
    """Return a text as it has to stand in a remedy."""
    return text.replace("{", "{{").replace("}", "}}")


def _parameters(row: ScoreRow) -> dict[str, Any]:
    """Return the parameters of a score of C; before there were matchers, all was argmax."""
    return {"matcher": ARGMAX, **row.params}
