from __future__ import annotations

import resource
import sys
from dataclasses import replace

import pytest
import torch

from visionlaw.errors import DataError, MissingDependencyError
from visionlaw.features.geometry import Geometry
from visionlaw.features.maps import FeatureMap
from visionlaw.features.outputs import Format, Header, describe_output, open_output, read_output
from visionlaw.features.results import Extracted


def plain(grid: tuple[int, int] = (2, 3), channels: int = 4, value: float = 1.0) -> Extracted:
    tokens = torch.full((grid[0] * grid[1], channels), value)
    features = FeatureMap(tokens, Geometry((9, 9), grid, (1.0, 1.0), (0.0, 0.0)))
    return Extracted("a.png", "0", {"toy/mean@64": features})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"representation": "toy/other@64"}, 'representation is "toy/mean@64", not "toy/other@64"'),
        ({"dtype": "float16"}, 'dtype is "float32", not "float16"'),
        ({"images_per_part": 4}, "images_per_part is 3, not 4"),
        ({"grid": (3, 2)}, r"grid is \[2, 3\], not \[3, 2\]"),
        (
            {"provenance": {"libraries": {"torch": "2.15"}, "seed": 0}},
            'provenance.libraries.torch is "2.14", not "2.15"',
        ),
        ({"provenance": {"libraries": {"torch": "2.14"}}}, "provenance.seed is 0, and is not stated now"),
    ],
)
def test_features_of_another_header_are_refused_by_what_differs(tmp_path, header, items, run, content, change, told):
    run(tmp_path, Format.NPY, header, items(4, header))
    before = content(tmp_path)
    with pytest.raises(DataError, match=told) as caught:
        open_output(tmp_path, "npy", replace(header, **change))
    assert "another folder" in caught.value.remedy
    assert content(tmp_path) == before


def test_features_of_another_format_are_refused(tmp_path, header, items, run) -> None:
    run(tmp_path, Format.NPY, header, items(4, header))
    with pytest.raises(DataError, match='format is "npy", not "safetensors"'):
        open_output(tmp_path, "safetensors", header)


def test_a_folder_with_other_files_is_refused_and_left_alone(tmp_path, form, header, content) -> None:
    (tmp_path / "thesis.tex").write_text("chapter 1")
    with pytest.raises(DataError, match=r"not empty .*thesis\.tex"):
        open_output(tmp_path, form, header)
    assert content(tmp_path) == {"thesis.tex": b"chapter 1"}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"visionlaw_features": 1}', '{"visionlaw_features": 2}', "\0"])
def test_another_programs_manifest_is_refused(tmp_path, header, text) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(DataError):
        open_output(tmp_path, "npy", header)
    with pytest.raises(DataError):
        read_output(tmp_path)
    assert (tmp_path / "manifest.json").read_text() == text


def test_a_folder_without_features_is_named(tmp_path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(DataError, match="holds no features"):
            describe_output(folder)


def test_a_place_that_cannot_be_a_folder_is_one_sentence(tmp_path, form, header) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(DataError, match="cannot be written to"):
            open_output(place, form, header)


def test_an_unknown_format_is_refused_before_anything_is_written(tmp_path, header) -> None:
    with pytest.raises(DataError, match="'parkett'") as caught:
        open_output(tmp_path / "out", "parkett", header)
    assert "Did you mean 'parquet'?" in caught.value.remedy
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("form", "library"), [("zarr", "zarr"), ("parquet", "pyarrow")])
def test_a_missing_library_is_named_with_the_command(tmp_path, header, monkeypatch, form, library) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingDependencyError, match=library) as caught:
        open_output(tmp_path / "out", form, header)
    assert caught.value.remedy == f"python -m pip install 'visionlaw[{form}]'"
    assert not (tmp_path / "out").exists()


def test_two_runs_do_not_write_to_one_folder_at_once(tmp_path, form, header) -> None:
    with open_output(tmp_path, form, header), pytest.raises(DataError, match="another run"):
        open_output(tmp_path, form, header)
    open_output(tmp_path, form, header).close()


def test_an_output_that_is_dropped_lets_go_of_its_folder(tmp_path, header) -> None:
    open_output(tmp_path, "npy", header)
    open_output(tmp_path, "npy", header).close()


def test_a_full_disk_is_one_sentence_and_loses_the_part_in_hand_only(tmp_path, form, items, run, content) -> None:
    header = Header("toy/mean@64", (16, 16), 64, images_per_part=2)
    stream = items(6, header)
    run(tmp_path / "whole", form, header, stream)
    with open_output(tmp_path / "out", form, header) as output:
        output.write(stream[:2])
        before = content(tmp_path / "out")
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
        try:
            with pytest.raises(DataError, match=r"cannot be written to .*: File too large") as caught:
                output.write(stream[2:4])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert "space" in caught.value.remedy
        assert content(tmp_path / "out") == before
        assert output.finished == 2
        output.write(stream[2:4])
    assert run(tmp_path / "out", form, header, stream) == 1
    assert content(tmp_path / "out") == content(tmp_path / "whole")


@pytest.mark.parametrize("item", [plain((3, 2)), plain(channels=5)])
def test_features_of_another_shape_are_refused(tmp_path, form, header, item) -> None:
    with open_output(tmp_path, form, header) as output:
        with pytest.raises(DataError, match=r"'a\.png' are .* and the output is of 2×3 tokens of 4 channels"):
            output.write([item])
        assert output.finished == 0


def test_features_of_another_representation_are_refused(tmp_path, form, header) -> None:
    with open_output(tmp_path, form, replace(header, representation="toy/other@64")) as output:
        with pytest.raises(
            DataError, match=r"'a\.png' has features of toy/mean@64, and the output is of 'toy/other@64'"
        ):
            output.write([plain()])
        assert output.finished == 0


def test_values_that_float16_does_not_hold_are_refused_not_turned_into_infinity(tmp_path, form, header) -> None:
    with open_output(tmp_path, form, replace(header, dtype="float16")) as output:
        with pytest.raises(DataError, match="beyond 65,504"):
            output.write([plain(value=70_000.0)])
        output.write([plain(value=float("inf"))])


def test_damaged_tokens_are_one_sentence(tmp_path, form, header, items, run) -> None:
    run(tmp_path, form, header, items(3, header))
    path = tmp_path / ("features.zarr/tokens/c.0.0.0" if form == "zarr" else f"part-000000.{form}")
    path.write_bytes(b"\xff" * path.stat().st_size)
    with pytest.raises(DataError, match="damaged"):
        list(read_output(tmp_path))


def test_a_header_that_cannot_be_is_refused() -> None:
    with pytest.raises(DataError, match="float64"):
        Header("a", (1, 1), 1, "float64")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="at least 1"):
        Header("a", (1, 0), 1)
