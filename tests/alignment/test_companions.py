"""The companions as scorers: images, captions, references and a language model in, scores out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from visionlaw.alignment import pooled as pooled_module
from visionlaw.alignment import texts
from visionlaw.alignment.language import LanguageRef, find_language
from visionlaw.alignment.pooled import pool
from visionlaw.errors import DataError
from visionlaw.features.combine import ConcatCombiner
from visionlaw.features.extractor import Extractor
from visionlaw.features.geometry import Geometry
from visionlaw.features.preprocess import prepare
from visionlaw.protocols import CaptionedImage, EncoderRef, ImageRef, ScoringJob
from visionlaw.registry import Registry
from visionlaw.specs import EncoderSpec, ScorerSpec

WORDS = ("a", "red", "green", "blue", "photo", "of", "grey", "square", "bright", "dark")
COMPANIONS = ("mutual-knn", "cka", "logme", "gromov-wasserstein")
INTERVALS = {"mutual-knn", "cka"}


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@dataclass
class Toy:
    """Tokens are 16×16 patches' mean colours, turned by random weights; counts the images it has encoded."""

    name: str
    channels: int
    encoded: list[int] = field(default_factory=list)

    def preprocess(self, image: Image.Image) -> tuple[torch.Tensor, Geometry]:
        return prepare(image, 64, 16)

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        self.encoded.append(len(batch))
        cells = batch.reshape(len(batch), 3, 4, 16, 4, 16).mean((3, 5)).flatten(2).transpose(1, 2)
        weights = torch.randn(3, self.channels, generator=torch.Generator().manual_seed(self.channels))
        return torch.tanh(cells @ weights)

    def ref(self) -> EncoderRef:
        spec = EncoderSpec(id=f"toy/{self.name}@64", target="toy:t", resolution=64, patch=16, channels=self.channels)
        return EncoderRef(spec.id, spec, {}, load=lambda: self)


class Constant(Toy):
    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        return torch.ones(len(batch), 16, self.channels)


def draw(count: int) -> list[CaptionedImage]:
    """Images of one colour and some noise, with captions that tell which."""
    rng = np.random.default_rng(0)
    drawn: list[CaptionedImage] = []
    for _ in range(count):
        channel, level = int(rng.integers(3)), int(rng.integers(2))
        pixels = rng.integers(0, 40, (64, 64, 3), dtype=np.uint8)
        pixels[..., channel] += np.uint8(60 + 120 * level)
        caption = f"a {('dark', 'bright')[level]} {('red', 'green', 'blue')[channel]} square"
        key = hashlib.sha256(pixels.tobytes()).hexdigest()
        drawn.append((ImageRef(key, lambda pixels=pixels: Image.fromarray(pixels)), caption))
    return drawn


@pytest.fixture(scope="module")
def language(tmp_path_factory: pytest.TempPathFactory) -> LanguageRef:
    """A tiny Llama of random weights with a tokenizer of ten words."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("tiny-llama")
    vocabulary = {word: index for index, word in enumerate(("<s>", "</s>", "<unk>", *WORDS))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=16,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return find_language(str(folder))


@pytest.fixture
def job(language: LanguageRef) -> ScoringJob:
    one, other = Toy("one", 12).ref(), Toy("other", 5).ref()
    return ScoringJob(
        [(one,), (other,), (one, other)],
        draw(40),
        ConcatCombiner(),
        references=[(one,)],
        language=language,
    )


@pytest.fixture
def registry() -> Registry:
    return Registry.discover()


@pytest.mark.parametrize("name", COMPANIONS)
@pytest.mark.parametrize("against", ["text", "reference"])
def test_every_representation_is_scored_by_every_companion(
    registry: Registry, job: ScoringJob, name: str, against: str
) -> None:
    scorer = registry.load("scorer", name, against=against)
    told: list[tuple[str, int, int]] = []
    found = {s.representation: s for s in scorer.score(replace(job, progress=lambda *step: told.append(step)))}
    assert set(found) == {"toy/one@64", "toy/other@64", "toy/one@64 + toy/other@64"}
    for score in found.values():
        assert score.count == 40
        assert score.details["targets"] == (["captions"] if against == "text" else ["toy/one@64"])
        assert ("interval" in score.details) == (name in INTERVALS)
        low, high = score.details.get("interval", (score.value, score.value))
        assert low <= score.value <= high
    done, totals = [step[1] for step in told], {step[2] for step in told}
    assert done == sorted(done)
    assert totals == {done[-1]}
    assert {step[0] for step in told} >= {"encoding images"}


@pytest.mark.parametrize("name", COMPANIONS)
def test_a_reference_scores_best_against_itself(registry: Registry, job: ScoringJob, name: str) -> None:
    spec = registry.get("scorer", name).spec
    assert isinstance(spec, ScorerSpec)
    scorer = registry.load("scorer", name, against="reference")
    values = {s.representation: s.value for s in scorer.score(job)}
    perfect = {"mutual-knn": 1, "cka": 1, "gromov-wasserstein": 0}
    if name in perfect:
        assert values["toy/one@64"] == pytest.approx(perfect[name], abs=1e-6)
    best = max if spec.higher_is_better else min
    assert best(values, key=values.__getitem__) == "toy/one@64"


@pytest.mark.parametrize("name", COMPANIONS)
def test_captions_of_other_images_score_worse(registry: Registry, job: ScoringJob, name: str) -> None:
    """A random language model still tells equal captions from different ones."""
    spec = registry.get("scorer", name).spec
    assert isinstance(spec, ScorerSpec)
    images = job.data
    shuffled = [(image, images[(index + 7) % len(images)][1]) for index, (image, _) in enumerate(images)]
    scorer = registry.load("scorer", name)
    (true,) = scorer.score(replace(job, representations=job.representations[:1]))
    (false,) = scorer.score(replace(job, representations=job.representations[:1], data=shuffled))
    if name == "gromov-wasserstein":  # it is not told the pairs: its minimum is no worse, the true pairing is better
        assert true.details["paired"] < false.details["paired"]
    else:
        assert true.value > false.value


def test_against_references_takes_images_alone(registry: Registry, job: ScoringJob) -> None:
    uncaptioned = [(image, None) for image, _ in job.data]
    for name in COMPANIONS:
        spec = registry.get("scorer", name).spec
        assert isinstance(spec, ScorerSpec)
        assert (spec.data, spec.needs) == ("captions", ("language",))
        changed = spec.of({"against": "reference"})
        assert (changed.data, changed.needs) == ("images", ("references",))
        assert spec.of({"against": "text"}) == spec
        scorer = registry.load("scorer", name, against="reference")
        assert len(list(scorer.score(replace(job, data=uncaptioned, language=None)))) == 3


def test_several_references_are_averaged(registry: Registry, job: ScoringJob) -> None:
    one, other = job.representations[:2]
    for name in COMPANIONS:
        scorer = registry.load("scorer", name, against="reference")

        def value(references: Sequence[tuple[EncoderRef, ...]], scorer=scorer) -> float:
            (found,) = scorer.score(replace(job, representations=[one], references=references))
            return found.value

        assert value([one, other]) == pytest.approx((value([one]) + value([other])) / 2)


def test_each_encoder_encodes_each_image_once_and_means_are_of_its_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, images = Toy("one", 12), Toy("other", 5), draw(9)
    one, other = first.ref(), second.ref()
    tables = pool([(one,), (one, other), (other,)], ConcatCombiner(), images)
    assert (sum(first.encoded), sum(second.encoded)) == (9, 9)
    for representation in ([one], [one, other]):
        extractor = Extractor([tuple(representation)], ConcatCombiner())
        expected = extractor.extract([image for image, _ in images]).stack().mean(dim=1)
        torch.testing.assert_close(tables[" + ".join(ref.id for ref in representation)], expected)
    monkeypatch.setattr(pooled_module, "IN_MEMORY", 0)
    for name, table in pool([(one,), (one, other), (other,)], ConcatCombiner(), images).items():
        assert torch.equal(table, tables[name])


def test_large_tables_leave_nothing_in_the_scratch_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pooled_module, "IN_MEMORY", 0)
    pool([(Toy("one", 12).ref(),)], ConcatCombiner(), draw(3), scratch=tmp_path / "scratch")
    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.mark.parametrize("layer", [0, 1, 2, -1])
def test_an_embedding_is_the_mean_hidden_state_of_the_captions_own_tokens(language: LanguageRef, layer: int) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    captions = ["a red square", "blue", "a bright photo of a dark green square", "blue"]
    tokenizer = AutoTokenizer.from_pretrained(language.folder)
    model = AutoModelForCausalLM.from_pretrained(language.folder)
    found = texts.embed(captions, language, layer)
    assert found.shape == (4, 32)
    assert torch.equal(found[1], found[3])
    for caption, row in zip(captions, found, strict=True):
        ids = tokenizer("<s> " + caption, return_tensors="pt")["input_ids"]
        with torch.no_grad():
            hidden = model(ids, output_hidden_states=True).hidden_states[layer]
        torch.testing.assert_close(row, hidden[0, 1:].mean(dim=0), atol=1e-5, rtol=1e-5)


def test_embeddings_do_not_depend_on_the_batch(language: LanguageRef, monkeypatch: pytest.MonkeyPatch) -> None:
    captions = [" ".join(WORDS[: 1 + index % 9]) for index in range(20)]
    together = texts.embed(captions, language)
    monkeypatch.setattr(texts, "TOKENS", 1)
    done: list[int] = []
    torch.testing.assert_close(texts.embed(captions, language, progress=done.append), together, atol=1e-5, rtol=1e-5)
    assert done == sorted(done)
    assert done[-1] == 20


@pytest.mark.parametrize(
    ("caption", "says"),
    [
        (None, "Image 2 of 3 has no caption"),
        ("  ", "Image 2 of 3 has no caption"),
        ("a " * 40, "has 40 tokens, and .* reads 16"),
    ],
)
def test_a_caption_that_cannot_be_read_is_named(language: LanguageRef, caption: str | None, says: str) -> None:
    with pytest.raises(DataError, match=says):
        texts.embed(["a", caption, "red"], language)


def test_a_layer_that_is_not_there_is_refused(language: LanguageRef) -> None:
    with pytest.raises(DataError, match=r"no hidden states 3.*-3 to 2"):
        texts.embed(["a"], language, layer=3)


def test_what_cannot_be_scored_is_refused_before_anything_is_computed(registry: Registry, job: ScoringJob) -> None:
    toy = Toy("one", 12)
    job = replace(job, representations=[(toy.ref(),)])

    def refused(name: str, given: ScoringJob, says: str, **options: object) -> None:
        with pytest.raises(DataError, match=says):
            list(registry.load("scorer", name, **options).score(given))

    refused("mutual-knn", replace(job, data=job.data[:10]), "10 images are too few for mutual-knn, which needs 12")
    refused("cka", replace(job, data=job.data[:4]), "4 images are too few for cka")
    refused("gromov-wasserstein", replace(job, data=job.data * 51), "2040 images are too many")
    refused("cka", replace(job, language=None), r"none is named\. .*cka\?against=reference")
    refused("cka", replace(job, references=()), "reference encoders, and none is named", against="reference")
    assert toy.encoded == []
    with pytest.raises(DataError, match=r"against 'txet'\. Did you mean 'text'"):
        registry.load("scorer", "cka", against="txet")
    with pytest.raises(DataError, match="'layer' is the language model's"):
        registry.load("scorer", "cka", against="reference", layer=3)


@pytest.mark.parametrize("name", COMPANIONS)
def test_features_that_are_the_same_for_all_images_are_refused(registry: Registry, job: ScoringJob, name: str) -> None:
    constant = replace(job, representations=[(Constant("flat", 4).ref(),)])
    with pytest.raises(DataError, match="features of 'toy/flat@64' are the same for all images"):
        list(registry.load("scorer", name).score(constant))
    silent = replace(job, data=[(image, "a") for image, _ in job.data])
    with pytest.raises(DataError, match="features of 'captions' are the same"):
        list(registry.load("scorer", name).score(silent))


def test_what_the_number_depends_on_is_told(registry: Registry) -> None:
    text, reference = registry.load("scorer", "mutual-knn", k=3), registry.load("scorer", "cka", against="reference")
    assert (text.protocol, dict(text.parameters)) == ("mutual-knn-text", {"k": 3, "layer": -1})
    assert (reference.protocol, dict(reference.parameters)) == ("cka-reference", {"debiased": True})
