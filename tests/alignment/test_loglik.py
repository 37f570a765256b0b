from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from visionlaw.alignment import loglik as module
from visionlaw.alignment.language import find_language, load_language
from visionlaw.alignment.loglik import LogLikScorer, caption_logprobs
from visionlaw.alignment.projector import load_projector, projector_folder
from visionlaw.errors import ConfigError, DataError, WeightsError
from visionlaw.features.combine import ConcatCombiner
from visionlaw.features.extractor import Extractor
from visionlaw.scoring.representations import name_of


@pytest.fixture(scope="module")
def loaded(language):
    return load_language(language)


def by_hand(bench, text, image, caption, loaded) -> list[float]:
    """One caption, one token at a time: the model reads all before it and says how likely it is."""
    model, tokenizer = loaded
    representation = bench.representation(text)
    folder = projector_folder(bench.projectors, name_of(representation), bench.language.fingerprint)
    (found,) = Extractor([representation], ConcatCombiner()).extract([image])
    sequence = [*model.get_input_embeddings()(torch.tensor([1])), *load_projector(folder)[0](found.features.tokens)]
    logprobs = []
    for token in tokenizer(caption, add_special_tokens=False).input_ids:
        logits = model(inputs_embeds=torch.stack(sequence)[None]).logits[0, -1].double()
        logprobs.append(float(logits.log_softmax(-1)[token]))
        sequence.append(model.get_input_embeddings()(torch.tensor(token)))
    return logprobs


@pytest.mark.parametrize("budget", [1, 90, 10_000])
def test_it_is_the_formula_token_by_token_however_it_is_batched(bench, loaded, monkeypatch, budget) -> None:
    monkeypatch.setattr(module, "HOST_TOKENS", budget)
    bench.train("a", "c", "a+b", "b+c")
    job = bench.job("a", "c", "a+b", "b+c")
    found = {score.representation: score for score in LogLikScorer().score(job)}
    reports = LogLikScorer().token_report(job)
    assert [(r.representation, r.image) for r in reports] == [
        (name_of(representation), image.key) for representation in job.representations for image, _ in job.data
    ]
    for text in ("a", "c", "a+b", "b+c"):
        name = name_of(bench.representation(text))
        expected = [by_hand(bench, text, image, caption, loaded) for image, caption in job.data]
        told = [report for report in reports if report.representation == name]
        for report, logprobs, (_, caption) in zip(told, expected, job.data, strict=True):
            assert list(report.logprobs) == pytest.approx(logprobs, abs=1e-5)
            assert list(report.tokens) == caption.split()
            assert report.value == pytest.approx(np.mean(logprobs), abs=1e-5)
        score = found[name]
        assert score.value == pytest.approx(np.mean([np.mean(each) for each in expected]), abs=1e-5)
        assert (score.count, score.details["tokens"]) == (6, sum(map(len, expected)))
        low, high = score.details["interval"]
        assert low < score.value < high < 0


def test_a_caption_costs_the_same_alone_and_beside_longer_ones(loaded) -> None:
    model, _ = loaded
    visual = torch.randn(5, 9, 16, generator=torch.Generator().manual_seed(0))
    captions = [[5, 6], [7], [4, 5, 6, 7, 8, 9, 10], [8, 8, 8], [4, 4, 4, 4]]
    together = caption_logprobs(model, [1], visual, captions)
    for number, caption in enumerate(captions):
        (alone,) = caption_logprobs(model, [1], visual[number : number + 1], [caption])
        assert together[number] == pytest.approx(alone, abs=1e-5)
        assert len(alone) == len(caption)


@given(st.lists(st.lists(st.integers(0, 13), min_size=1, max_size=8), min_size=1, max_size=5), st.integers(1, 6))
@settings(deadline=None, max_examples=20)
def test_what_is_likely_sums_to_one(loaded, captions, count) -> None:
    """Over all tokens that a caption may go on with."""
    model, _ = loaded
    visual = torch.ones(14, count, 16)
    for caption in captions:
        ends = [[*caption[:-1], token] for token in range(14)]
        last = [logprobs[-1] for logprobs in caption_logprobs(model, [], visual, ends)]
        assert sum(map(math.exp, last)) == pytest.approx(1, abs=1e-5)


class Counting(torch.nn.Module):
    """A language model whose next token is known without arithmetic: after token i, i + 1 with odds 3 to 1 each."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding.from_pretrained(torch.eye(4))

    def get_input_embeddings(self) -> torch.nn.Embedding:
        return self.embedding

    def forward(self, inputs_embeds: torch.Tensor, use_cache: bool) -> object:
        logits = math.log(3) * inputs_embeds.roll(1, dims=-1)
        return type("Output", (), {"logits": logits})()


def test_an_example_worked_out_by_hand() -> None:
    """Four tokens; the one that follows has probability 3/6, each other one 1/6.

    The image ends in token 2, so that 3 is expected. Of the caption 3 0 2, P is 1/2, 1/2 and 1/6: mean log P -1.0594.
    """
    image = torch.eye(4)[[1, 2]][None]
    (logprobs,) = caption_logprobs(Counting(), [], image, [[3, 0, 2]])
    assert logprobs == pytest.approx([math.log(1 / 2), math.log(1 / 2), math.log(1 / 6)], abs=1e-6)
    assert np.mean(logprobs) == pytest.approx(-1.0594, abs=1e-4)
    (logprobs,) = caption_logprobs(Counting(), [0], image, [[1]])
    assert logprobs == pytest.approx([math.log(1 / 6)], abs=1e-6), "what is nearest to the caption is the image"


def test_each_encoder_encodes_each_image_once_and_nothing_is_read_of_the_references(bench) -> None:
    bench.train("a", "b", "a+b", "b+c")
    list(LogLikScorer().score(bench.job("a", "b", "a+b", "b+c", references=())))
    assert [sum(encoder.encoded) for encoder in bench.encoders.values()] == [6, 6, 6]


def test_the_image_is_what_the_caption_is_given(bench) -> None:
    """With its caption's image exchanged, a caption costs something else."""
    bench.train("a")
    job = bench.job("a")
    (value,) = [score.value for score in LogLikScorer().score(job)]
    images, captions = zip(*job.data, strict=True)
    shuffled = dataclasses.replace(job, data=list(zip(images[1:] + images[:1], captions, strict=True)))
    (other,) = [score.value for score in LogLikScorer().score(shuffled)]
    assert abs(value - other) > 1e-3


def test_a_tokenizer_without_a_beginning_gives_the_image_alone(bench, new_language, tmp_path) -> None:
    bench.language = find_language(str(new_language(tmp_path / "llm", bos=False)))
    bench.train("a")
    job = bench.job("a", images=1)
    (report,) = LogLikScorer().token_report(job)
    model, tokenizer = load_language(bench.language)
    (found,) = Extractor(job.representations, ConcatCombiner()).extract([job.data[0][0]])
    folder = projector_folder(bench.projectors, "toy/a@64", bench.language.fingerprint)
    visual = load_projector(folder)[0](found.features.tokens)[None]
    assert list(report.logprobs) == caption_logprobs(model, [], visual, [tokenizer("a red dog").input_ids])[0]


def test_of_one_caption_there_is_no_interval(bench) -> None:
    bench.train("a")
    (score,) = LogLikScorer().score(bench.job("a", images=1))
    assert "interval" not in score.details


def test_where_memory_runs_out_fewer_are_read_at_a_time(bench, monkeypatch) -> None:
    from transformers import LlamaForCausalLM

    bench.train("a")
    whole = [score.value for score in LogLikScorer().score(bench.job("a"))]
    real, sizes = LlamaForCausalLM.forward, []

    @functools.wraps(real)
    def crowded(self, inputs_embeds, **more):
        sizes.append(len(inputs_embeds))
        if len(inputs_embeds) > most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(self, inputs_embeds=inputs_embeds, **more)

    monkeypatch.setattr(LlamaForCausalLM, "forward", crowded)
    most = 2
    assert [score.value for score in LogLikScorer().score(bench.job("a"))] == pytest.approx(whole, abs=1e-6)
    assert sizes == [6, 3, 2, 1, 3, 2, 1]
    most = 0
    with pytest.raises(DataError, match="Memory does not suffice to read a single caption"):
        list(LogLikScorer().score(bench.job("a")))


@pytest.mark.parametrize(
    ("caption", "says"),
    [
        (None, "Image 3 has no caption"),
        ("", "Image 3 has an empty caption"),
        (" \n", "Image 3 has an empty caption"),
        ("dog " * 60, "The caption of image 3 has 60 tokens, which with the 16 of 'toy/a@64' exceeds the 64 of"),
    ],
)
def test_a_caption_that_cannot_be_read_is_one_sentence(bench, caption, says) -> None:
    bench.train("a")
    job = bench.job("a")
    job.data[2] = (job.data[2][0], caption)
    with pytest.raises(DataError, match=says) as caught:
        list(LogLikScorer().score(job))
    assert caught.value.remedy


def test_a_caption_may_fill_the_context(bench) -> None:
    bench.train("a")
    job = bench.job("a", images=2)
    job.data[1] = (job.data[1][0], "dog " * (64 - 1 - 16))
    (score,) = LogLikScorer().score(job)
    assert score.details["tokens"] == 3 + 47
    job.data[1] = (job.data[1][0], "dog " * (64 - 16))
    with pytest.raises(DataError, match="exceeds"):
        list(LogLikScorer().score(job))


def test_a_tokenizer_of_another_model_is_told(bench, new_language, tmp_path) -> None:
    bench.language = find_language(str(new_language(tmp_path / "llm", vocab_size=8)))
    bench.train("a")
    with pytest.raises(WeightsError, match="makes token 12, and the model knows 8"):
        list(LogLikScorer().score(bench.job("a")))


def test_precision_is_part_of_the_score(bench) -> None:
    bench.train("a")
    assert LogLikScorer(dtype="bfloat16").parameters == {"dtype": "bfloat16"}
    single, half = (next(LogLikScorer(dtype=dtype).score(bench.job("a"))).value for dtype in ("float32", "bfloat16"))
    assert single != half
    assert single == pytest.approx(half, rel=0.05)
    with pytest.raises(ConfigError, match="no precision 'int8'"):
        LogLikScorer(dtype="int8")
