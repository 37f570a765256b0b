from __future__ import annotations

import dataclasses
import shutil

import pytest
import torch

from visionlaw.alignment.language import find_language
from visionlaw.alignment.projected import Projected
from visionlaw.alignment.projector import projector_folder
from visionlaw.errors import DataError
from visionlaw.protocols import ImageRef


def refusal(bench, *texts: str, **changes: object) -> DataError:
    job = bench.job(*texts, **changes)
    with pytest.raises(DataError) as caught:
        Projected(job, job.representations)
    assert not any(encoder.encoded for encoder in bench.encoders.values()), "refused before an image is encoded"
    return caught.value


def test_no_projector_is_one_sentence_with_the_command(bench) -> None:
    error = refusal(bench, "a+b")
    assert error.message == (
        f"There is no projector of 'toy/a@64 + toy/b@64' for the language model '{bench.language.name}'."
    )
    assert "visionlaw align 'toy/a@64 + toy/b@64'" in error.remedy


def test_a_projector_for_another_language_model_is_refused(bench, new_language, tmp_path) -> None:
    bench.train("a")
    other = find_language(str(new_language(tmp_path / "other", seed=1)))
    error = refusal(bench, "a", language=other)
    assert f"was trained for the language model '{bench.language.name}', not for '{other.name}'" in error.message
    assert "visionlaw align" in error.remedy
    # Put where those for the other model are kept, it is still none of them.
    id_ = "toy/a@64"
    shutil.copytree(
        projector_folder(bench.projectors, id_, bench.language.fingerprint),
        projector_folder(bench.projectors, id_, other.fingerprint),
    )
    assert "was trained for the language model" in refusal(bench, "a", language=other).message


def test_a_projector_for_another_revision_of_an_encoder_is_refused(bench) -> None:
    bench.train("a", "a+b")
    bench.encoders["b"].revision = "2" * 40
    job = bench.job("a")
    Projected(job, job.representations)
    error = refusal(bench, "a+b")
    assert "toy/b@64" in error.message
    assert "1" * 40 in error.message
    assert "2" * 40 in error.message
    assert "visionlaw align" in error.remedy


def test_a_projector_for_another_combiner_is_refused(bench) -> None:
    bench.train("a", "a+b")
    error = refusal(bench, "a+b", combiner_id="sum")
    assert "'concat'" in error.message
    assert "'sum'" in error.message
    job = bench.job("a", combiner_id="sum")
    Projected(job, job.representations)  # of one encoder, nothing is combined


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"width": 12}, "makes tokens of 12 numbers"), ({"channels": 9}, "takes tokens of 9 channels")],
)
def test_a_projector_of_another_width_is_refused(bench, changes, says) -> None:
    bench.train("a", **changes)
    assert says in refusal(bench, "a").message


def test_what_a_combiner_makes_has_to_fit_too(bench) -> None:
    bench.train("a+b", channels=13)
    job = bench.job("a+b")
    projected = Projected(job, job.representations)
    (image, *_) = projected.stream(job.data)
    with pytest.raises(DataError, match="takes tokens of 13 channels, and there are 12"):
        projected.project("toy/a@64 + toy/b@64", list(image.maps.values()))


def test_tokens_that_are_not_finite_are_refused(bench) -> None:
    bench.train("a")
    job = bench.job("a")
    projected = Projected(job, job.representations)
    image = next(projected.stream(job.data))
    broken = dataclasses.replace(image.maps["toy/a@64"], tokens=torch.full((16, 5), 1e38))
    with pytest.raises(DataError, match="not finite"):
        projected.project("toy/a@64", [broken])


def test_a_broken_image_is_named(bench) -> None:
    bench.train("a")

    def load() -> None:
        raise DataError("The image 'x.jpg' is broken.")

    job = bench.job("a")
    job = dataclasses.replace(job, data=[*job.data, (ImageRef("k", load), "a cat")])
    projected = Projected(job, job.representations)
    with pytest.raises(DataError, match=r"'x\.jpg' is broken"):
        list(projected.stream(job.data))
