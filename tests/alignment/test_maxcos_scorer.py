from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from visionlaw.alignment.maxcos import MaxCosScorer, maxcos
from visionlaw.alignment.projector import load_projector, projector_folder
from visionlaw.errors import DataError
from visionlaw.features.combine import ConcatCombiner
from visionlaw.features.extractor import Extractor
from visionlaw.scoring.representations import name_of


def scores(job):
    return {score.representation: score for score in MaxCosScorer().score(job)}


def tokens(bench, text, image):
    """Projected tokens, one image at a time and by hand."""
    representation = bench.representation(text)
    folder = projector_folder(bench.projectors, name_of(representation), bench.language.fingerprint)
    (found,) = Extractor([representation], ConcatCombiner()).extract([image])
    return load_projector(folder)[0](found.features.tokens)


def test_it_is_the_mean_over_references_of_the_mean_over_images(bench) -> None:
    bench.train("a", "b", "c", "a+b", "b+c")
    job = bench.job("b", "a+b", "b+c", references=("a", "c"))
    found = scores(job)
    for text in ("b", "a+b", "b+c"):
        score = found[name_of(bench.representation(text))]
        each = [
            [maxcos(tokens(bench, reference, image), tokens(bench, text, image)) for image, _ in job.data]
            for reference in ("a", "c")
        ]
        assert score.value == pytest.approx(np.mean([np.mean(each[0]), np.mean(each[1])]), abs=1e-6)
        told = [score.details["references"][f"toy/{name}@64"]["value"] for name in ("a", "c")]
        assert told == pytest.approx([np.mean(each[0]), np.mean(each[1])], abs=1e-6)
        assert score.count == 6
        low, high = score.details["interval"]
        assert min(np.mean(each, axis=0)) <= low < score.value < high <= max(np.mean(each, axis=0))


def test_against_itself_a_is_one_and_the_references_are_scored_like_any(bench) -> None:
    """PROTOCOLS §2: A(clip@224) = (1.000 + 0.6305) / 2."""
    bench.train("a", "c")
    found = scores(bench.job("a", "c"))
    one = found["toy/a@64"]
    assert one.details["references"]["toy/a@64"] == {
        "value": pytest.approx(1, abs=1e-6),
        "interval": pytest.approx([1, 1], abs=1e-6),
    }
    other = one.details["references"]["toy/c@64"]["value"]
    assert other < 0.999
    assert one.value == pytest.approx((1 + other) / 2, abs=1e-6)
    assert found["toy/c@64"].details["references"]["toy/a@64"]["value"] != pytest.approx(other, abs=1e-4)


def test_each_encoder_encodes_each_image_once(bench) -> None:
    bench.train("a", "b", "c", "a+b", "b+c", "a+b+c")
    scores(bench.job("a", "b", "a+b", "b+c", "a+b+c", references=("a", "a+b")))
    assert [sum(encoder.encoded) for encoder in bench.encoders.values()] == [6, 6, 6]


def test_the_score_names_the_projectors_it_depends_on(bench) -> None:
    bench.train("a", "b", "c")
    digests = scores(bench.job("b"))["toy/b@64"].details["projectors"]
    assert set(digests) == {"toy/a@64", "toy/b@64", "toy/c@64"}
    assert len(set(digests.values())) == 3


def test_progress_counts_images(bench) -> None:
    bench.train("a")
    told = []
    scores(bench.job("a", references=["a"], progress=lambda *step: told.append(step)))
    assert [step[1:] for step in told] == [(n, 6) for n in range(7)]


def test_it_is_measured_on_the_jobs_device(bench) -> None:
    """What is no device on this machine must be asked for, not passed over."""
    bench.train("a")
    with pytest.raises((RuntimeError, AssertionError, DataError)):
        scores(bench.job("a", references=["a"], device="cuda" if not torch.cuda.is_available() else "cuda:99"))


@pytest.mark.parametrize(
    ("changes", "says", "remedy"),
    [
        ({"references": []}, "none is named", "references = "),
        ({"language": None}, "need a language model", "--lm"),
        ({"projectors": None}, "need trained projectors", ""),
        ({"data": []}, "no image", "image source"),
    ],
)
def test_what_is_not_given_is_asked_for(bench, changes, says, remedy) -> None:
    bench.train("a", "c")
    with pytest.raises(DataError, match=says) as caught:
        scores(dataclasses.replace(bench.job("a"), **changes))
    assert remedy in caught.value.remedy
