"""Runs of a scorer on the encoders of :mod:`visionlaw.testing.synthetic` and drawn images, as its checks need them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch

from visionlaw.alignment.language import LanguageRef, find_language, save_language
from visionlaw.alignment.projector import ProjectorCard, build_projector, projector_folder, save_projector
from visionlaw.errors import MissingDependencyError
from visionlaw.features.combine import ConcatCombiner
from visionlaw.libraries import quiet_transformers
from visionlaw.protocols import FeatureStore, Representation, Score, Scorer, ScoringJob
from visionlaw.scoring.representations import name_of
from visionlaw.specs import ScoredData, ScorerSpec
from visionlaw.testing.checks import skip
from visionlaw.testing.drawn import WORDS, DrawnPairs, caption, picture
from visionlaw.testing.synthetic import SyntheticEncoder, encoders

if TYPE_CHECKING:
    from visionlaw.testing.subjects import Subject

COMBINATIONS = ("a", "b", "c", "a+b", "c+a")
"""What is scored."""
REFERENCES = ("a", "c")
IMAGES, PAIRS, PAIRED = 16, 8, 5
WIDTH = 16
GAIN = 6.0
"""What projectors' weights are multiplied by, so that projected tokens differ."""


@dataclass(frozen=True)
class Run:
    """What a scorer did.

    Attributes:
        given: What it yielded.
        reports: What it told the job's progress: stage, done, total.
        encoders: Those of the job.
    """

    given: Sequence[object]
    reports: Sequence[tuple[str, int, int]]
    encoders: Mapping[str, SyntheticEncoder]

    @property
    def scores(self) -> list[Score]:
        """What it yielded; checks that build on 'scores-each' know that they are scores."""
        return cast("list[Score]", self.given)

    @property
    def values(self) -> dict[str, float]:
        """The scores by representation."""
        return {score.representation: float(score.value) for score in self.scores}

    @property
    def again(self) -> list[str]:
        """The encoders that encoded an image more than once."""
        return [one.ref.id for one in self.encoders.values() if max(one.encoded.values(), default=0) > 1]

    @property
    def encoded(self) -> int:
        """How many images were encoded, over all encoders."""
        return sum(one.encoded.total() for one in self.encoders.values())


class Scoring:
    """The runs of one scorer.

    Args:
        subject: The scorer's.
    """

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self._runs: dict[str, Run] = {}

    @property
    def spec(self) -> ScorerSpec:
        """The scorer's declaration."""
        return cast("ScorerSpec", self.subject.tiny)

    @cached_property
    def default(self) -> Run:
        """The first run: the scorer as it is listed, every representation in one job, nothing kept."""
        return self.run()

    def load(self, **options: Any) -> Scorer:
        """Return a new scorer; the check is skipped where a library of its extras is not installed."""
        try:
            return cast("Scorer", self.subject.load(**options))
        except MissingDependencyError as error:
            if self.spec.extras:
                skip(error.message.rstrip("."))
            raise

    def with_options(self, options: Mapping[str, Any]) -> tuple[Scorer, Run]:
        """Return a scorer with options, and what it does on what it then takes."""
        scorer = self.load(**options)
        key = repr(sorted(options.items()))
        if key not in self._runs:
            self._runs[key] = self.run(scorer=scorer, options=options)
        return scorer, self._runs[key]

    def run(
        self,
        names: Sequence[str] = COMBINATIONS,
        *,
        scorer: Scorer | None = None,
        options: Mapping[str, Any] | None = None,
        factor: float = 1.0,
        cache: FeatureStore | None = None,
        scratch: Path | None = None,
        data: Any = None,
    ) -> Run:
        """Score a job.

        Args:
            names: What is scored: names of encoders, joined by '+'.
            scorer: Who scores; None: a new one.
            options: Those of the scorer, which decide on what it takes.
            factor: What all tokens are multiplied by.
            cache: The job's.
            scratch: The job's.
            data: Other data than those of :meth:`data`.
        """
        made, reports = encoders(factor), list[tuple[str, int, int]]()
        job = self.job(names, made, options or {}, cache, scratch, data, reports)
        given: Sequence[object]
        try:
            given = list((scorer or self.load()).score(job))
        except MissingDependencyError as error:
            if self.spec.extras:
                skip(error.message.rstrip("."))
            raise
        return Run(given, reports, made)

    def job(
        self,
        names: Sequence[str],
        made: Mapping[str, SyntheticEncoder],
        options: Mapping[str, Any],
        cache: FeatureStore | None,
        scratch: Path | None,
        data: Any,
        reports: list[tuple[str, int, int]],
    ) -> ScoringJob:
        """Return a job that names what the scorer's spec says it needs, and nothing else."""
        spec = self.spec.of(options)
        own = [_representation(made, name) for name in names]
        references = [_representation(made, name) for name in REFERENCES] if "references" in spec.needs else []
        language = self.language if {"language", "projectors"} & {*spec.needs} else None
        projectors = None if "projectors" not in spec.needs else self._projectors(language, [*own, *references])
        return ScoringJob(
            own,
            self.data(spec.data) if data is None else data,
            ConcatCombiner(),
            combiner_id="concat",
            cache=cache,
            scratch=scratch,
            progress=lambda stage, done, total: reports.append((stage, done, total)),
            projectors=projectors,
            references=references,
            language=language,
        )

    def data(self, kind: ScoredData, seed: int = 0) -> Any:
        """Return data of a kind; those of another seed have no image in common."""
        if kind == "pairs":
            return DrawnPairs.draw(PAIRS, PAIRED, seed)
        captioned = kind == "captions"
        return [(picture(seed * IMAGES + n), caption(n + 5 * seed) if captioned else None) for n in range(IMAGES)]

    @cached_property
    def language(self) -> LanguageRef:
        """A language model of 4,000 weights; the check is skipped where transformers is not installed."""
        folder = self.subject.folder / "language"
        if not folder.is_dir():
            _write_language(folder)
        return find_language(str(folder))

    def _projectors(self, language: LanguageRef | None, representations: Sequence[Representation]) -> Path:
        """Write a projector for each representation, if there is none, and return their folder."""
        assert language is not None  # noqa: S101  projectors come with a language model
        home = self.subject.folder / "projectors"
        for representation in representations:
            folder = projector_folder(home, name_of(representation), language.fingerprint)
            if not folder.is_dir():
                _write_projector(folder, representation, language)
        return home


def _representation(made: Mapping[str, SyntheticEncoder], name: str) -> Representation:
    return tuple(made[part].ref for part in name.split("+"))


def _write_projector(folder: Path, representation: Representation, language: LanguageRef) -> None:
    several = len(representation) > 1
    card = ProjectorCard(
        representation=name_of(representation),
        kind="mlp2x_gelu",
        channels=sum(part.spec.channels for part in representation),
        width=language.width,
        encoders={part.id: dict(part.provenance) for part in representation},
        language=language.provenance,
        combiner={"id": "concat"} if several else {},
    )
    seed = int(hashlib.sha256(card.representation.encode()).hexdigest()[:8], 16)
    projector = build_projector(card.kind, card.channels, card.width, seed)
    with torch.no_grad():
        for weight in projector.parameters():
            weight.mul_(GAIN)
    save_projector(folder, projector, card)


def _write_language(folder: Path) -> None:
    """Write a Llama of random weights whose tokens are words."""
    try:
        from tokenizers import Tokenizer, models, pre_tokenizers, processors
        from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
    except ImportError as error:
        skip(f"it needs a language model, and {str(error).rstrip('.')}")
    words = {word: number for number, word in enumerate(("<unk>", "<s>", "</s>", "\n", *WORDS))}
    tokenizer = cast("Any", Tokenizer)(models.WordLevel(words, unk_token="<unk>"))  # noqa: S106  a word
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    with quiet_transformers(), torch.random.fork_rng(devices=()):  # pyright: ignore[reportUnknownMemberType]
        torch.manual_seed(0)  # pyright: ignore[reportUnknownMemberType]
        config = LlamaConfig(
            vocab_size=len(words),
            hidden_size=WIDTH,
            intermediate_size=24,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=64,
        )
        model = cast("Any", LlamaForCausalLM)(config)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
    folder.mkdir(parents=True)
    special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    save_language(folder, model, cast("Any", PreTrainedTokenizerFast)(tokenizer_object=tokenizer, **special))
