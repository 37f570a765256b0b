from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from visionlaw.errors import DataError
from visionlaw.features.combine import ConcatCombiner
from visionlaw.features.export import export, folder_name
from visionlaw.features.extractor import Extractor
from visionlaw.features.outputs import read_output, read_quarantine
from visionlaw.features.runtime import Runtime


@pytest.fixture
def folder(tmp_path: Path, images) -> Path:
    """Eleven images in a folder, of which the fourth is broken."""
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    for number, ref in enumerate(images(10)):
        ref.load().save(photographs / f"{number + (number > 2):02d}.png")
    (photographs / "03.png").write_bytes(b"no image")
    return photographs


def extractor(encoder, *others) -> Extractor:
    return Extractor([(encoder.ref(),), *others], ConcatCombiner(), Runtime("cpu"))


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class StoppedError(Exception):
    """The run is stopped."""


def stop_after(count: int):
    done = 0

    def advance(number: int) -> None:
        nonlocal done
        done += number
        if done >= count:
            raise StoppedError

    return advance


def test_what_is_written_is_what_is_extracted_and_bad_images_are_listed(tmp_path: Path, encoder, folder) -> None:
    exported = export(extractor(encoder), folder, tmp_path / "out", batch_size=4)
    assert (exported.images, exported.quarantined, exported.resumed) == (10, 1, 0)
    written = dict(read_output(tmp_path / "out"))
    for result in extractor(encoder).extract(folder):
        assert torch.equal(written[result.name].tokens, result.features.tokens)
        assert written[result.name].geometry == result.features.geometry
    (bad,) = read_quarantine(tmp_path / "out")
    assert bad.name == "03.png"


@pytest.mark.parametrize("stopped", [1, 4, 5, 8])
def test_a_run_that_was_stopped_goes_on_at_the_next_batch_and_ends_in_the_same_bytes(
    tmp_path: Path, encoder, folder, stopped
) -> None:
    export(extractor(encoder), folder, tmp_path / "whole", batch_size=4)
    assert sum(encoder.encoded) == 10
    encoder.encoded.clear()
    with pytest.raises(StoppedError):
        export(extractor(encoder), folder, tmp_path / "out", batch_size=4, progress=stop_after(stopped))
    exported = export(extractor(encoder), folder, tmp_path / "out")  # the batch size is that of the run
    assert exported.resumed == (4 if stopped <= 4 else 8)
    assert sum(encoder.encoded) == 10, "nothing that was written is encoded again"
    assert content(tmp_path / "out") == content(tmp_path / "whole")
    encoder.encoded.clear()
    assert export(extractor(encoder), folder, tmp_path / "out").resumed == 11
    assert encoder.encoded == []


def test_each_encoder_runs_once_whatever_the_number_of_combinations(tmp_path: Path, encoder, folder) -> None:
    other = type(encoder)()
    second = replace(other.ref(), id="toy/other@64", spec=other.ref().spec.model_copy(update={"id": "toy/other@64"}))
    both = (encoder.ref(), second)
    run = Extractor([(encoder.ref(),), (second,), both], ConcatCombiner(), Runtime("cpu"))
    exported = export(run, folder, tmp_path / "out", batch_size=4)
    assert sum(encoder.encoded) == sum(other.encoded) == 10
    assert set(exported.folders) == {"toy/mean@64", "toy/other@64", "toy/mean@64 + toy/other@64"}
    joined = dict(read_output(exported.folders["toy/mean@64 + toy/other@64"]))
    for name, features in read_output(exported.folders["toy/mean@64"]):
        assert joined[name].tokens.shape == (16, 6)
        torch.testing.assert_close(joined[name].tokens[:, :3], torch.nn.functional.normalize(features.tokens, dim=-1))


def test_outputs_that_were_stopped_at_different_parts_meet_again(tmp_path: Path, encoder, folder) -> None:
    other = replace(encoder.ref(), id="toy/other@64")
    run = Extractor([(encoder.ref(),), (other,)], ConcatCombiner(), Runtime("cpu"))
    export(run, folder, tmp_path / "whole", batch_size=4)
    with pytest.raises(StoppedError):
        export(run, folder, tmp_path / "out", batch_size=4, progress=stop_after(8))
    behind = tmp_path / "out" / "toy--other@64"
    for name in ("part-000001.json", "part-000001.safetensors"):
        (behind / name).unlink()
    assert export(run, folder, tmp_path / "out").resumed == 4
    assert content(tmp_path / "out") == content(tmp_path / "whole")


def test_strict_images_end_at_the_first_bad_one(tmp_path: Path, encoder, folder) -> None:
    with pytest.raises(DataError, match=r"03\.png"):
        export(extractor(encoder), folder, tmp_path / "out", batch_size=2, strict_images=True)
    assert [name for name, _ in read_output(tmp_path / "out")] == ["00.png", "01.png"]


def test_the_one_liner_takes_images_of_any_kind(encoder) -> None:
    picture = Image.effect_noise((80, 50), 60).convert("RGB")
    run = extractor(encoder).extract([picture, torch.rand(3, 40, 60), "nowhere.png"])
    assert run.stack().shape == (2, 16, 3)
    assert [bad.name for bad in run.quarantined] == ["nowhere.png"]
    with pytest.raises(DataError, match=r"no features to stack.*nowhere\.png"):
        extractor(encoder).extract(["nowhere.png"]).stack()


def test_an_encoder_is_loaded_once_for_all_runs_of_an_extractor(encoder) -> None:
    picture = Image.new("RGB", (64, 64))
    run = extractor(encoder)
    for _ in range(3):
        list(run.extract([picture]))
    assert encoder.loads == 1


def test_an_extraction_that_is_closed_leaves_no_threads(encoder) -> None:
    pictures = [Image.new("RGB", (64, 64))] * 40
    with extractor(encoder).extract(pictures) as run:
        next(run)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("prepare")]
    assert list(run) == []


def test_a_folder_is_named_by_an_id_however_long() -> None:
    assert folder_name("a/b@64?t=1&layer=2 + c/d@64") == "a--b@64,t=1,layer=2+c--d@64"
    long = [" + ".join(f"family/name-{n}@224" for n in range(20 + last)) for last in range(2)]
    assert len({folder_name(text) for text in long}) == 2
    assert all(len(folder_name(text).encode()) < 200 for text in long)
